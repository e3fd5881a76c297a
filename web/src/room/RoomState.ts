/**
 * The room's one view, and how it gets out: replaced whole at every change; nothing is said any more after the end. Must
 * not know what the changes mean.
 */
import type { SignalingError } from '../signaling/SignalingError'
import { asSignalingError } from '../signaling/refusal'
import { EMPTY_VIEW, type RoomNotice, type RoomView } from './view'

export interface RoomListener {
  handleView(view: RoomView): void
  handleNotice(notice: RoomNotice): void
  /** A step that the room took by itself was refused. */
  handleRefused(error: SignalingError): void
}

export class RoomState {
  private current: RoomView = EMPTY_VIEW

  constructor(private readonly listener: RoomListener) {}

  get view(): RoomView {
    return this.current
  }

  /** Empty before one has a seat. */
  get myId(): string {
    return this.current.seat?.participantId ?? ''
  }

  update(change: Partial<RoomView>): void {
    this.current = { ...this.current, ...change }
    this.listener.handleView(this.current)
  }

  notify(notice: RoomNotice): void {
    if (this.current.phase !== 'closed') this.listener.handleNotice(notice)
  }

  refused(error: unknown): void {
    if (this.current.phase !== 'closed') this.listener.handleRefused(asSignalingError(error))
  }
}
