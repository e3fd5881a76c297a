/** Why a camera, microphone or screen could not be had, in a browser's own words turned into ours. Pure. */

/** `cancelled`: the person closed the screen chooser; nothing is wrong. */
export const ACCESS_PROBLEMS = ['denied', 'none_found', 'busy', 'insecure', 'unsupported', 'cancelled', 'unknown'] as const
export type AccessProblem = (typeof ACCESS_PROBLEMS)[number]
export type CaptureKind = 'microphone' | 'camera' | 'screen'

export class MediaAccessError extends Error {
  constructor(
    readonly kind: CaptureKind,
    readonly problem: AccessProblem,
    options?: ErrorOptions,
  ) {
    super(`${kind}: ${problem}`, options)
    this.name = 'MediaAccessError'
  }
}

const BY_NAME: Readonly<Record<string, AccessProblem>> = {
  NotAllowedError: 'denied',
  PermissionDeniedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'none_found',
  DevicesNotFoundError: 'none_found',
  OverconstrainedError: 'none_found',
  NotReadableError: 'busy',
  TrackStartError: 'busy',
  AbortError: 'busy',
  NotSupportedError: 'unsupported',
}

export function accessProblem(kind: CaptureKind, error: unknown): AccessProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : ''
  const problem = BY_NAME[name] ?? 'unknown'
  return kind === 'screen' && problem === 'denied' ? 'cancelled' : problem
}

/** Whose settings page has to be described to the person. */
export const BROWSER_FAMILIES = [
  'wechat_ios',
  'wechat_android',
  'safari_ios',
  'chrome_android',
  'safari_desktop',
  'firefox',
  'chromium_desktop',
  'other',
] as const
export type BrowserFamily = (typeof BROWSER_FAMILIES)[number]

export function browserFamily(userAgent: string, touchPoints = 0): BrowserFamily {
  // iPadOS calls itself a Macintosh; no Mac has a touch screen.
  const isIos = /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && touchPoints > 1)
  if (/MicroMessenger/i.test(userAgent)) return isIos ? 'wechat_ios' : 'wechat_android'
  if (isIos) return 'safari_ios'
  if (/Firefox\//.test(userAgent)) return 'firefox'
  if (/Android/.test(userAgent)) return /Chrome\//.test(userAgent) ? 'chrome_android' : 'other'
  if (/Chrome\/|Edg\//.test(userAgent)) return 'chromium_desktop'
  return /Safari\//.test(userAgent) ? 'safari_desktop' : 'other'
}
