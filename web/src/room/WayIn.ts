/**
 * By which way the meeting comes here (media, the broadcast, none) and since when by none. Must not know how either way
 * is kept open.
 */
import type { BroadcastInfo } from '../protocol/generated'
import { Broadcast, type BroadcastView, type MediaWay } from './Broadcast'
import { isWorthReporting } from './interruption'
import type { RoomState } from './RoomState'

export interface WayInOptions {
  state: RoomState
  fetchBroadcast(): Promise<BroadcastInfo>
  /** The broadcast has been put on or off the page. */
  handleOnAir(on: boolean): void
  now(): number
}

export class WayIn {
  /** Coming in is not coming back. */
  private wasConnected = false
  private readonly broadcast: Broadcast

  constructor(private readonly options: WayInOptions) {
    this.broadcast = new Broadcast({ fetch: options.fetchBroadcast, handleChanged: (view) => this.handleBroadcast(view) })
  }

  /** Signaling or media has changed. */
  follow(): void {
    const { state, now } = this.options
    if (state.view.phase !== 'joined') return
    const way = this.mediaWay()
    this.broadcast.handleWay(way)
    // Refused media is not an interruption: it will not come back, and commands work.
    const isBroken = state.view.signaling !== 'connected' || (way === 'missing' && state.view.broadcast.state !== 'live')
    if (!isBroken) this.end()
    else if (state.view.interruptedSinceMs === null) state.update({ interruptedSinceMs: now() })
  }

  close(): void {
    this.broadcast.close()
  }

  private end(): void {
    const { state, now } = this.options
    const isBack = this.wasConnected
    const sinceMs = state.view.interruptedSinceMs
    this.wasConnected = true
    if (sinceMs === null) return
    state.update({ interruptedSinceMs: null })
    const awayMs = now() - sinceMs
    if (isBack && isWorthReporting(awayMs)) state.notify({ kind: 'recovered', awayMs })
  }

  private mediaWay(): MediaWay {
    const { media, signaling } = this.options.state.view
    if (media === 'connected') return 'open'
    if (signaling !== 'connected') return 'unknown'
    return media === 'refused' ? 'hopeless' : 'missing'
  }

  private handleBroadcast(broadcast: BroadcastView): void {
    const { state } = this.options
    const wasOn = state.view.broadcast.state === 'live'
    const on = broadcast.state === 'live'
    state.update({ broadcast })
    if (on !== wasOn) this.options.handleOnAir(on)
    this.follow()
  }
}
