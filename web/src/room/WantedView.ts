/** Tells the server which pictures are shown: one request at a time, the latest wish wins, the same wish is not repeated. */

/** Layout changes come in showers. */
const SETTLE_MS = 120

export interface WantedViewOptions {
  send(publicationIds: string[]): Promise<void>
}

export class WantedView {
  private wanted: readonly string[] = []
  private told: string | null = null
  private timer: ReturnType<typeof setTimeout> | null = null
  private busy = false
  /** Grows when the server forgot; an answer of before then proves nothing. */
  private round = 0
  private closed = false

  constructor(private readonly options: WantedViewOptions) {}

  set(publicationIds: readonly string[]): void {
    this.wanted = publicationIds
    if (this.busy || this.closed || this.key() === this.told) return
    this.timer ??= setTimeout(() => void this.flush(), SETTLE_MS)
  }

  /** The server forgot (another media worker, another seat): say it again. */
  repeat(): void {
    this.told = null
    this.round += 1
    this.set(this.wanted)
  }

  close(): void {
    this.closed = true
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
  }

  private key(): string {
    return this.wanted.join('\n')
  }

  private async flush(): Promise<void> {
    this.timer = null
    this.busy = true
    const key = this.key()
    const round = this.round
    // Refused or lost: the next change of layout, or repeat(), asks again.
    await this.options.send([...this.wanted]).catch(() => undefined)
    if (round === this.round) this.told = key
    this.busy = false
    this.set(this.wanted)
  }
}
