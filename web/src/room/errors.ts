/** Each failure in the room → what the person can do next, and the key of its text. A missing code does not compile. */
import type { ErrorCode } from '../protocol/generated'
import type { AccessProblem, CaptureKind } from '../rtc/mediaAccess'
import type { ClientCode, SignalingCode } from '../signaling/SignalingError'

/** `wait`: it is being retried by itself. `none`: nothing to do but read. */
export type Recovery = 'retry' | 'rejoin' | 'reload' | 'login' | 'go_home' | 'contact_host' | 'contact_admin' | 'wait' | 'none'

const RECOVERY: Readonly<Record<SignalingCode, Recovery>> = {
  bad_request: 'reload',
  message_too_large: 'none',
  unknown_command: 'reload',
  protocol_version: 'reload',
  not_signed_in: 'login',
  bad_credentials: 'login',
  login_throttled: 'none',
  csrf: 'reload',
  step_up_required: 'none',
  forbidden: 'contact_admin',
  not_found: 'go_home',
  conflict: 'rejoin',
  validation: 'none',
  rate_limited: 'retry',
  ticket_invalid: 'rejoin',
  ticket_expired: 'rejoin',
  ticket_used: 'rejoin',
  resume_expired: 'rejoin',
  room_closed: 'go_home',
  room_full: 'contact_host',
  removed: 'contact_host',
  replaced: 'rejoin',
  companion: 'none',
  not_joined: 'rejoin',
  meeting_not_open: 'wait',
  meeting_state: 'none',
  bad_sdp: 'rejoin',
  no_usable_media: 'none',
  media_unavailable: 'wait',
  recorder_unavailable: 'none',
  store_away: 'wait',
  store_full: 'contact_admin',
  database_away: 'retry',
  log_unavailable: 'retry',
  recording_not_ready: 'wait',
  watch_session_over: 'retry',
  already_signed: 'none',
  internal_error: 'retry',
  request_timeout: 'retry',
  connection_lost: 'retry',
}

/** Codes that the pages outside the room know under another name. */
const CLIENT_TEXT: Readonly<Record<ClientCode, string>> = {
  request_timeout: 'errors.timeout',
  connection_lost: 'errors.offline',
}

export function recoveryOf(code: SignalingCode): Recovery {
  return RECOVERY[code]
}

export function textKeyOf(code: SignalingCode): string {
  return code in CLIENT_TEXT ? CLIENT_TEXT[code as ClientCode] : `errors.${code satisfies ErrorCode | ClientCode}`
}

/** What to do about a device that could not be had. `settings`: the browser's permission page has to be shown. */
export type AccessRecovery = 'settings' | 'retry' | 'text_only' | 'https' | 'other_browser' | 'none'

const ACCESS_RECOVERY: Readonly<Record<AccessProblem, AccessRecovery>> = {
  denied: 'settings',
  none_found: 'text_only',
  busy: 'retry',
  insecure: 'https',
  unsupported: 'other_browser',
  cancelled: 'none',
  unknown: 'retry',
}

export function accessRecoveryOf(problem: AccessProblem): AccessRecovery {
  return ACCESS_RECOVERY[problem]
}

export function accessTextKeyOf(kind: CaptureKind, problem: AccessProblem): string {
  return `room.access.${kind}.${problem}`
}
