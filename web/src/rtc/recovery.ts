/** What to do when the media path breaks. Pure: trigger and history → restart ICE on the seat, or a new connection. */

export type Trigger = 'disconnected' | 'failed' | 'network_changed' | 'restart_timeout' | 'media_moved'
export type Step = 'restart' | 'rebuild'

/** A living DTLS session is worth one ICE restart; a lost one, or another media worker, needs a new connection. */
export function nextStep(trigger: Trigger, restartsSinceConnected: number): Step {
  if (trigger === 'media_moved' || trigger === 'restart_timeout') return 'rebuild'
  if (trigger === 'failed' && restartsSinceConnected > 0) return 'rebuild'
  return 'restart'
}

const RETRY_DELAYS_MS = [300, 700, 1500, 3000] as const
const LAST_RETRY_MS = 5000

/** After an offer that got no answer (no media worker at the moment, connection lost on the way). */
export function offerRetryDelayMs(attempt: number): number {
  return RETRY_DELAYS_MS[attempt] ?? LAST_RETRY_MS
}

/** While the broadcast carries the lesson. */
export const PATIENT_RETRY_MS = 30_000
