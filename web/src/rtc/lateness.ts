/**
 * How long a picture waits for a packet that was lost and is sent again, as its receiver sees it: the time from its
 * first packet to its last. Behind the server's far side nothing else tells before a picture has stopped. Pure.
 */

/** What a second has brought: pictures of more than one packet, how long all of them took, and how high they are. */
export interface Second {
  readonly pictures: number
  readonly tookMs: number
  readonly height: number
  readonly isRepairing: boolean
}

/** Less is jitter, or how a large picture is sent. */
const LATE_MS = 60
/** More is several repairs in one second. */
const MAX_LATE_MS = 250
const USUAL_SECONDS = 6
const REMEMBERED_MS = 20_000

export class Lateness {
  private usualMs: number[] = []
  private height = 0
  private late: { readonly atMs: number; readonly ms: number }[] = []

  read(second: Second, nowMs: number): void {
    this.late = this.late.filter(({ atMs }) => nowMs - atMs < REMEMBERED_MS)
    if (second.height !== this.height) this.usualMs = []
    this.height = second.height
    if (second.pictures <= 0) return
    this.usualMs = [...this.usualMs, second.tookMs / second.pictures].slice(-USUAL_SECONDS)
    const usualMs = Math.min(...this.usualMs) * second.pictures
    const lateMs = second.tookMs - usualMs
    // On a narrow path every picture takes long, the same time: that needs no wait.
    if (second.isRepairing && lateMs >= Math.max(LATE_MS, usualMs)) this.late = [...this.late, { atMs: nowMs, ms: lateMs }]
  }

  /** Of one repair: seconds with only one of them are the shorter ones. 0: none was seen lately. */
  get ms(): number {
    const sorted = this.late.map(({ ms }) => ms).sort((one, other) => one - other)
    return Math.min(MAX_LATE_MS, sorted[Math.floor(sorted.length / 4)] ?? 0)
  }
}
