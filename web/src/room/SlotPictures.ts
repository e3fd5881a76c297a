/** What the slots carry: the track of each publication that is on one, and which of them are left out for want of bandwidth. */
import type { SlotInfo } from '../protocol/generated'
import { mergeSlots, pausedPublications, tracksByPublication } from '../rtc/slots'

export class SlotPictures {
  private slots: SlotInfo[] = []
  private tracksByMid: ReadonlyMap<string, MediaStreamTrack> = new Map()

  /** With `tracksByMid` after an answer: what was known of the slots is void. */
  handleSlots(slots: readonly SlotInfo[], tracksByMid?: ReadonlyMap<string, MediaStreamTrack>): void {
    this.slots = tracksByMid ? [...slots] : mergeSlots(this.slots, slots)
    if (tracksByMid) this.tracksByMid = tracksByMid
  }

  tracks(): Map<string, MediaStreamTrack> {
    return tracksByPublication(this.slots, this.tracksByMid)
  }

  paused(): ReadonlySet<string> {
    return pausedPublications(this.slots)
  }
}
