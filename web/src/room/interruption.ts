/** What a broken connection looks like after how long (ux.md §5.8). Pure. */

export type InterruptionView = 'none' | 'badge' | 'bar' | 'sheet'

const BADGE_AFTER_MS = 1000
const BAR_AFTER_MS = 6000
const SHEET_AFTER_MS = 15_000

export function interruptionView(interruptedMs: number): InterruptionView {
  if (interruptedMs < BADGE_AFTER_MS) return 'none'
  if (interruptedMs < BAR_AFTER_MS) return 'badge'
  return interruptedMs < SHEET_AFTER_MS ? 'bar' : 'sheet'
}

/** Only what was shown is said to be over. */
export function isWorthReporting(interruptedMs: number): boolean {
  return interruptedMs >= BADGE_AFTER_MS
}
