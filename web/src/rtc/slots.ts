/** Which publication a slot carries now. Pure: mid ↔ publication. */
import type { SlotInfo } from '../protocol/generated'

/** publication id → mid of the slot that carries it. */
export function midsByPublication(slots: readonly SlotInfo[]): Map<string, string> {
  const mids = new Map<string, string>()
  for (const slot of slots) {
    if (slot.kind === 'video' && slot.publication_id !== null) mids.set(slot.publication_id, slot.mid)
  }
  return mids
}

/** The server may name only the slots that changed. */
export function mergeSlots(known: readonly SlotInfo[], changed: readonly SlotInfo[]): SlotInfo[] {
  const byMid = new Map(known.map((slot) => [slot.mid, slot]))
  for (const slot of changed) byMid.set(slot.mid, slot)
  return [...byMid.values()]
}

/** Tracks of the publications that are on a slot now. */
export function tracksByPublication(
  slots: readonly SlotInfo[],
  tracksByMid: ReadonlyMap<string, MediaStreamTrack>,
): Map<string, MediaStreamTrack> {
  const tracks = new Map<string, MediaStreamTrack>()
  for (const [publicationId, mid] of midsByPublication(slots)) {
    const track = tracksByMid.get(mid)
    if (track) tracks.set(publicationId, track)
  }
  return tracks
}

/** Publications whose picture is wanted but left out for want of bandwidth. */
export function pausedPublications(slots: readonly SlotInfo[]): Set<string> {
  const paused = slots.filter((slot) => slot.paused && slot.publication_id !== null)
  return new Set(paused.map((slot) => slot.publication_id ?? ''))
}
