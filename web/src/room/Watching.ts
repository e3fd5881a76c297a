/**
 * Which pictures are asked for from here, and the tracks that come: what the page shows, less what is not wanted at the
 * chosen rung, nothing while nobody looks. Must not know the layout.
 */
import type { CommandMap, SlotInfo, WantedPicture } from '../protocol/generated'
import { picturesAt } from './pictures'
import type { RoomState } from './RoomState'
import { SlotPictures } from './SlotPictures'
import { WantedView } from './WantedView'

/** Looking away for a moment is not leaving: after this long in another tab no pictures are sent here. */
const UNSEEN_AFTER_MS = 3000

export interface WatchingOptions {
  state: RoomState
  ask(pictures: WantedPicture[]): Promise<CommandMap['view.set']['answer']>
}

export class Watching {
  private shown: readonly WantedPicture[] = []
  private unseenTimer: ReturnType<typeof setTimeout> | null = null
  private readonly slots = new SlotPictures()
  private readonly wanted: WantedView

  constructor(private readonly options: WatchingOptions) {
    this.wanted = new WantedView({ send: (pictures) => this.send(pictures) })
  }

  setShown(pictures: readonly WantedPicture[]): void {
    this.shown = pictures
    this.followLevel()
  }

  /** Another rung was chosen: of the same pictures, others are wanted. */
  followLevel(): void {
    this.wanted.set(picturesAt(this.options.state.view.chosenLevel ?? 'full', this.shown))
  }

  setHidden(hidden: boolean): void {
    if (this.unseenTimer) clearTimeout(this.unseenTimer)
    this.unseenTimer = hidden ? setTimeout(() => this.wanted.setUnseen(true), UNSEEN_AFTER_MS) : null
    if (!hidden) this.wanted.setUnseen(false)
  }

  /** Another seat, or another media worker, does not know what we look at. */
  repeat(): void {
    this.wanted.repeat()
  }

  /** With `tracks` after an answer: a new connection. */
  handleSlots(slots: readonly SlotInfo[], tracks?: ReadonlyMap<string, MediaStreamTrack>): void {
    this.slots.handleSlots(slots, tracks)
    if (tracks) this.wanted.repeat()
    this.showTracks()
  }

  /** What came, and one's own pictures among them. */
  showTracks(): void {
    const { state } = this.options
    const tracks = this.slots.tracks()
    for (const source of ['camera', 'screen'] as const) {
      const track = state.view.local[source].track
      if (state.myId && track) tracks.set(`${state.myId}:${source}`, track)
    }
    state.update({ videoTracks: tracks, pausedIds: this.slots.paused() })
  }

  close(): void {
    this.setHidden(false)
    this.wanted.close()
  }

  private async send(pictures: WantedPicture[]): Promise<void> {
    this.handleSlots((await this.options.ask(pictures)).slots)
  }
}
