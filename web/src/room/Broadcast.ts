/**
 * The way in for those whom WebRTC does not reach: after a while without media on a living line the program stream is
 * asked for, and left again as soon as media is there. Must not know how it is played.
 */
import type { BroadcastInfo } from '../protocol/generated'

export type BroadcastView =
  | { readonly state: 'off' }
  /** There will be one when recording runs. */
  | { readonly state: 'waiting' }
  | { readonly state: 'unavailable'; readonly reason: string | null }
  | { readonly state: 'live'; readonly playlistUrl: string }

/** `hopeless`: this browser can never have it. */
export type MediaWay = 'open' | 'missing' | 'hopeless' | 'unknown'

export interface BroadcastOptions {
  fetch(): Promise<BroadcastInfo>
  handleChanged(view: BroadcastView): void
}

export const OFF_AIR: BroadcastView = { state: 'off' }

/** Two connections have been tried by then (RtcSession: five seconds each). */
export const FALL_BACK_AFTER_MS = 8000
/** Media that came back and went again within a minute: nobody sits through the long wait anew. */
const RELAPSE_MS = 60_000
const FALL_BACK_AGAIN_AFTER_MS = 2000
const ASK_AGAIN_MS = 5000
/** A playlist that is live is asked after now and then: the recording may have paused or ended. */
const LOOK_AFTER_MS = 15_000

export class Broadcast {
  private view: BroadcastView = OFF_AIR
  private way: MediaWay = 'unknown'
  private timer: ReturnType<typeof setTimeout> | null = null
  /** Grows whenever it is switched off, so that a late answer does not switch it on again. */
  private round = 0
  private leftAtMs = Number.NEGATIVE_INFINITY

  constructor(private readonly options: BroadcastOptions) {}

  /** `unknown`: there is no line to the server either, so nothing can be said of media alone. */
  handleWay(way: MediaWay): void {
    if (way === this.way) return
    this.way = way
    if (way === 'open') this.stop()
    else if (way === 'unknown') this.pause()
    else this.wait(way === 'hopeless' || this.view.state !== 'off' ? 0 : this.patienceMs)
  }

  private get patienceMs(): number {
    return Date.now() - this.leftAtMs < RELAPSE_MS ? FALL_BACK_AGAIN_AFTER_MS : FALL_BACK_AFTER_MS
  }

  close(): void {
    this.way = 'unknown'
    this.pause()
  }

  private stop(): void {
    this.pause()
    if (this.view.state === 'live') this.leftAtMs = Date.now()
    this.set(OFF_AIR)
  }

  /** What plays plays on from what is buffered; nothing more is asked for. */
  private pause(): void {
    this.round += 1
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
  }

  private wait(ms: number): void {
    this.pause()
    this.timer = setTimeout(() => void this.ask(), ms)
  }

  private async ask(): Promise<void> {
    const round = this.round
    const answer = await this.options.fetch().catch(() => null)
    if (round !== this.round) return
    if (answer) this.set(viewOf(answer))
    this.wait(this.view.state === 'live' ? LOOK_AFTER_MS : ASK_AGAIN_MS)
  }

  private set(view: BroadcastView): void {
    if (JSON.stringify(view) === JSON.stringify(this.view)) return
    this.view = view
    this.options.handleChanged(view)
  }
}

function viewOf(answer: BroadcastInfo): BroadcastView {
  if (answer.state === 'live' && answer.playlist_url !== null) return { state: 'live', playlistUrl: answer.playlist_url }
  return answer.state === 'waiting' ? { state: 'waiting' } : { state: 'unavailable', reason: answer.reason }
}
