/** What can go wrong between page and server, as a value with a stable code. Texts stand in i18n (errors.<code>). */
import type { ErrorCode, ErrorInfo } from '@/protocol/generated'
import type { LocalErrorCode } from '@/i18n/zh/errors'

export type AppErrorCode = ErrorCode | LocalErrorCode

export class AppError extends Error {
  readonly code: AppErrorCode
  readonly retryable: boolean
  readonly errorId: string | null
  readonly fields: Readonly<Record<string, string>>

  constructor(info: { code: AppErrorCode; message?: string; retryable?: boolean; error_id?: string | null; fields?: Record<string, string> }, options?: ErrorOptions) {
    super(info.message ?? info.code, options)
    this.name = 'AppError'
    this.code = info.code
    this.retryable = info.retryable ?? false
    this.errorId = info.error_id ?? null
    this.fields = info.fields ?? {}
  }

  static from(error: unknown): AppError {
    return error instanceof AppError ? error : new AppError({ code: 'internal_error', message: String(error) }, { cause: error })
  }
}

/** What the reader can do about it, on a page outside the room. */
export type PageAction = 'retry' | 'reload' | 'login' | 'home' | 'load_latest' | 'none'

const ACTIONS: Record<AppErrorCode, PageAction> = {
  bad_request: 'reload',
  message_too_large: 'none',
  unknown_command: 'reload',
  protocol_version: 'reload',
  not_signed_in: 'login',
  bad_credentials: 'none',
  login_throttled: 'none',
  csrf: 'reload',
  step_up_required: 'none',
  forbidden: 'home',
  not_found: 'home',
  conflict: 'load_latest',
  validation: 'none',
  rate_limited: 'retry',
  ticket_invalid: 'retry',
  ticket_expired: 'retry',
  ticket_used: 'retry',
  resume_expired: 'retry',
  room_closed: 'home',
  room_full: 'retry',
  removed: 'home',
  replaced: 'home',
  companion: 'home',
  not_joined: 'retry',
  meeting_not_open: 'home',
  meeting_state: 'reload',
  bad_sdp: 'retry',
  no_usable_media: 'none',
  media_unavailable: 'retry',
  recorder_unavailable: 'retry',
  store_away: 'retry',
  store_full: 'none',
  database_away: 'retry',
  log_unavailable: 'retry',
  recording_not_ready: 'retry',
  watch_session_over: 'retry',
  already_signed: 'reload',
  internal_error: 'retry',
  offline: 'retry',
  timeout: 'retry',
  bad_answer: 'reload',
}

export function pageActionOf(error: AppError): PageAction {
  return ACTIONS[error.code]
}

const KNOWN: ReadonlySet<string> = new Set(Object.keys(ACTIONS))

/** The server's error body, or what stands in for one when a proxy answered instead. */
export function errorOfAnswer(status: number, body: unknown): AppError {
  const info = (body as { error?: ErrorInfo } | null)?.error
  if (info && KNOWN.has(info.code)) return new AppError(info)
  const byStatus: Record<number, AppErrorCode> = { 401: 'not_signed_in', 403: 'forbidden', 404: 'not_found', 413: 'message_too_large', 429: 'rate_limited' }
  return new AppError({ code: byStatus[status] ?? 'bad_answer', message: `HTTP ${String(status)}`, retryable: status >= 500 })
}
