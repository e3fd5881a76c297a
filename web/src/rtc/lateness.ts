/**
 * How long a picture waits for a packet that was lost and is sent again, as its receiver sees it: the time from its
 * first packet to its last. Behind the server's far side nothing else tells before a picture has stopped. Pure.
 */

/** Less is jitter, or how a large picture is sent. */
const LATE_MS = 60
/** More is several repairs in one second. */
const MAX_LATE_MS = 250
const SECONDS = 12

export class Lateness {
  private usualMs: number[] = []
  private lateMs: number[] = []

  /** A second's pictures of more than one packet, and how long all of them took together. */
  read(pictures: number, tookMs: number, isRepairing: boolean): void {
    if (pictures <= 0) return
    this.usualMs = [...this.usualMs, tookMs / pictures].slice(-SECONDS)
    const usualMs = Math.min(...this.usualMs) * pictures
    // On a narrow path every picture takes long, the same time: that needs no wait.
    if (isRepairing && tookMs - usualMs >= Math.max(LATE_MS, usualMs)) this.lateMs = [...this.lateMs, tookMs - usualMs].slice(-SECONDS)
  }

  /** Of one repair: seconds with only one of them are the shorter ones. 0: none was seen. */
  get ms(): number {
    const sorted = [...this.lateMs].sort((one, other) => one - other)
    return Math.min(MAX_LATE_MS, sorted[Math.floor(sorted.length / 4)] ?? 0)
  }
}
