/** When to try again after a lost connection. Pure: (attempt, elapsed, random) → delay. Never gives up: a lesson lasts hours. */

const DELAYS_MS = [0, 300, 1200, 2700, 4800, 7000] as const
const LAST_DELAY_MS = 7000
const JITTER_SHARE = 0.2
/** A restarted server must see its clients again within 5 s, so the early attempts stay close together. */
const EARLY_PHASE_MS = 20_000
const EARLY_CAP_MS = 2000

/**
 * @param attempt 0 for the first try after the loss
 * @param elapsedMs since the connection was lost
 * @param random in [0, 1); spreads many clients that lost the same server
 */
export function reconnectDelayMs(attempt: number, elapsedMs: number, random: number): number {
  const base = DELAYS_MS[attempt] ?? LAST_DELAY_MS
  const capped = elapsedMs < EARLY_PHASE_MS ? Math.min(base, EARLY_CAP_MS) : base
  const spread = 1 - JITTER_SHARE / 2 + JITTER_SHARE * random
  const delay = Math.round(capped * spread)
  return elapsedMs < EARLY_PHASE_MS ? Math.min(delay, EARLY_CAP_MS) : delay
}
