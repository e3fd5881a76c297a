/** The stage as a picture every few seconds, for networks that carry no video. Asks only while somebody looks. */

export interface StillAnswer {
  /** null: not changed. */
  readonly picture: Blob | null
  readonly etag: string | null
}

export interface StillFeedOptions {
  /** `none`: there is no picture at present. Rejects when it could not be had. */
  fetch(etag: string | null): Promise<StillAnswer | 'none'>
  handlePicture(picture: Blob | null): void
}

export const STILL_EVERY_MS = 5000

export class StillFeed {
  private etag: string | null = null
  private timer: ReturnType<typeof setTimeout> | null = null
  private round = 0
  private running = false

  constructor(private readonly options: StillFeedOptions) {}

  setRunning(running: boolean): void {
    if (this.running === running) return
    this.running = running
    this.round += 1
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    if (running) void this.ask()
  }

  private async ask(): Promise<void> {
    const round = this.round
    const answer = await this.options.fetch(this.etag).catch(() => null)
    if (round !== this.round) return
    if (answer === 'none') this.show(null, null)
    else if (answer?.picture) this.show(answer.picture, answer.etag)
    this.timer = setTimeout(() => void this.ask(), STILL_EVERY_MS)
  }

  private show(picture: Blob | null, etag: string | null): void {
    this.etag = etag
    this.options.handlePicture(picture)
  }
}
