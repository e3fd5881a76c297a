/** Reads the connection's counters from time to time and turns them into a word that does not flicker. An interruption is
 * not its business: the room knows of it sooner than any counter. */
import { holdQuality, qualityOf, readCounters, sampleBetween, type Quality, type QualityState, type StatsCounters, type StatsSample } from '../rtc/stats'

const INTERVAL_MS = 5000

export interface QualityWatchOptions {
  connection(): RTCPeerConnection | null
  isLost(): boolean
  handleQuality(quality: Quality, sample: StatsSample): void
  now(): number
}

export class QualityWatch {
  private state: QualityState
  private before: { counters: StatsCounters; atMs: number; of: RTCPeerConnection } | null = null
  private timer: ReturnType<typeof setInterval> | null = null

  constructor(private readonly options: QualityWatchOptions) {
    this.state = { quality: 'good', sinceMs: Number.NEGATIVE_INFINITY }
  }

  start(): void {
    this.timer ??= setInterval(() => void this.measure(), INTERVAL_MS)
  }

  close(): void {
    if (this.timer) clearInterval(this.timer)
    this.timer = null
  }

  async measure(): Promise<void> {
    const connection = this.options.connection()
    if (!connection || this.options.isLost()) {
      this.before = null
      return
    }
    const now = { counters: await readCounters(connection), atMs: this.options.now(), of: connection }
    const before = this.before
    this.before = now
    if (!before || before.of !== connection) return
    const sample = sampleBetween(before.counters, now.counters, now.atMs - before.atMs)
    this.say(qualityOf(sample), sample)
  }

  private say(quality: Quality, sample: StatsSample): void {
    this.state = holdQuality(this.state, quality, this.options.now())
    this.options.handleQuality(this.state.quality, sample)
  }
}
