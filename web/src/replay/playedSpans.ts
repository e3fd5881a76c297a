/** Follows a player and says which stretches really played, each at one speed and one visibility. Pure. */

export interface Played {
  fromMs: number
  toMs: number
  rate: number
  visible: boolean
}

/** A step of the playback position larger than this per report is a jump, not playing. */
const LONGEST_STEP_MS = 3000

export class PlayedSpans {
  private open: Played | null = null
  private rate: number
  private visible: boolean

  constructor(rate: number, visible: boolean) {
    this.rate = rate
    this.visible = visible
  }

  get playing(): boolean {
    return this.open !== null
  }

  /** The stretch that is playing now. */
  get current(): Readonly<Played> | null {
    return this.open
  }

  /** Playing began, or goes on after a jump. */
  begin(atMs: number): void {
    this.open = { fromMs: atMs, toMs: atMs, rate: this.rate, visible: this.visible }
  }

  /** The player reports its position. A jump that no event announced ends the stretch before it. */
  reach(atMs: number): Played | null {
    if (!this.open) return null
    const step = atMs - this.open.toMs
    if (step >= 0 && step <= LONGEST_STEP_MS * Math.max(1, this.rate)) {
      this.open.toMs = atMs
      return null
    }
    const done = this.take()
    this.begin(atMs)
    return done
  }

  /** What played since the last time; the next stretch begins where this one ended. */
  take(): Played | null {
    const done = this.open
    if (!done) return null
    this.begin(done.toMs)
    return done.toMs > done.fromMs ? done : null
  }

  /** Playing stopped: pause, end, or the beginning of a jump. */
  end(): Played | null {
    const done = this.take()
    this.open = null
    return done
  }

  changeRate(rate: number): Played | null {
    const done = this.take()
    this.rate = rate
    if (this.open) this.open.rate = rate
    return done
  }

  changeVisible(visible: boolean): Played | null {
    const done = this.take()
    this.visible = visible
    if (this.open) this.open.visible = visible
    return done
  }
}
