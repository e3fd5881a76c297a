/** Tells the server which pictures are shown: one request at a time, the latest wish wins, the same wish is not repeated. */
import type { WantedPicture } from '../protocol/generated'

/** Layout changes come in showers. */
const SETTLE_MS = 120
/** After a refusal that says of itself that it may be tried again: too much at once in this room, no media worker. */
const AGAIN_MS = 2000

export interface WantedViewOptions {
  send(pictures: WantedPicture[]): Promise<void>
}

export class WantedView {
  private wanted: readonly WantedPicture[] = []
  private told: string | null = null
  private timer: ReturnType<typeof setTimeout> | null = null
  private busy = false
  /** Nobody looks: no picture is wanted, whatever is on the page. */
  private unseen = false
  /** Grows when the server forgot; an answer of before then proves nothing. */
  private round = 0
  private closed = false

  constructor(private readonly options: WantedViewOptions) {}

  set(pictures: readonly WantedPicture[]): void {
    this.wanted = pictures
    this.tell(SETTLE_MS)
  }

  setUnseen(unseen: boolean): void {
    if (this.unseen === unseen) return
    this.unseen = unseen
    this.stopTimer()
    this.tell(0)
  }

  /** The server forgot (another media worker, another seat): say it again. */
  repeat(): void {
    this.told = null
    this.round += 1
    this.tell(SETTLE_MS)
  }

  close(): void {
    this.closed = true
    this.stopTimer()
  }

  private tell(afterMs: number): void {
    if (this.busy || this.closed || keyOf(this.shown()) === this.told) return
    this.timer ??= setTimeout(() => void this.flush(), afterMs)
  }

  private shown(): readonly WantedPicture[] {
    return this.unseen ? [] : this.wanted
  }

  private async flush(): Promise<void> {
    this.timer = null
    this.busy = true
    const shown = this.shown()
    const round = this.round
    // Refused for good: the next change of layout, or repeat(), asks again.
    const mayBeTaken = await this.options.send([...shown]).then(() => false, isRetryable)
    if (round === this.round) this.told = mayBeTaken ? null : keyOf(shown)
    this.busy = false
    this.tell(mayBeTaken ? AGAIN_MS : SETTLE_MS)
  }

  private stopTimer(): void {
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
  }
}

function isRetryable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === true
}

function keyOf(pictures: readonly WantedPicture[]): string {
  return pictures.map((one) => `${one.publication_id} ${String(one.height_px ?? 0)}`).join('\n')
}
