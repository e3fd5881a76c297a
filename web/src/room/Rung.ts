/**
 * On which rung of the ladder this seat stands: what the person chose, told to the server until a media worker has taken
 * it, and what the network forces. Must not know how pictures and sound are left out.
 */
import type { QualityLevel } from '../protocol/generated'
import { asSignalingError } from '../signaling/refusal'
import { LevelReport, lowerOf } from './ladder'
import type { RoomState } from './RoomState'

export interface RungOptions {
  state: RoomState
  ask(level: QualityLevel | null): Promise<unknown>
}

export class Rung {
  private readonly report = new LevelReport()
  /** The choice has not been taken by a media worker yet; asked here are fewer pictures all the same. */
  private isUntold = false

  constructor(private readonly options: RungOptions) {}

  choose(chosen: QualityLevel | null): void {
    const { state } = this.options
    state.update({ chosenLevel: chosen })
    this.apply()
    if (state.view.phase === 'joined') this.tell()
  }

  /** Another seat, or the same one after it was given up: nobody there knows the choice. */
  handleNewSeat(): void {
    if (this.options.state.view.chosenLevel !== null) this.tell()
  }

  handleMediaConnected(): void {
    if (this.isUntold) this.tell()
  }

  /** What the server says of this seat may have changed. */
  follow(): void {
    const news = this.report.handleLevel(this.apply(), this.options.state.view.chosenLevel)
    if (news) this.options.state.notify({ kind: 'level', ...news })
  }

  /** Chosen, or less than that because the network carries no more. Returns the server's part of it. */
  private apply(): QualityLevel {
    const { state } = this.options
    const served = state.view.snapshot?.participants.find((one) => one.participant_id === state.myId)?.quality ?? 'full'
    const level = lowerOf(served, state.view.chosenLevel ?? 'full')
    if (level !== state.view.level) state.update({ level })
    return served
  }

  private tell(): void {
    const { state, ask } = this.options
    this.isUntold = false
    ask(state.view.chosenLevel).catch((error: unknown) => {
      if (asSignalingError(error).code === 'media_unavailable') this.isUntold = true
      else state.refused(error)
    })
  }
}
