/** Who is seen beside the stage, in which order (ux.md §5.2). Pure, time is given. */
import type { ParticipantInfo, RoomSnapshot } from '../../protocol/generated'
import { cameraOf } from './stage'

export interface GalleryState {
  /** Participants on the page, in their order. */
  readonly shown: readonly string[]
  readonly swappedAtMs: number
}

export interface GalleryInput {
  readonly snapshot: RoomSnapshot
  readonly speakers: readonly string[]
  readonly myId: string
  /** How many others fit. */
  readonly capacity: number
}

/** People are looked for where they were: rarely does anybody change places. */
export const SWAP_INTERVAL_MS = 2000

export const EMPTY_GALLERY: GalleryState = { shown: [], swappedAtMs: Number.NEGATIVE_INFINITY }

/** Lecturer, host, whole rooms, faces, then the rest, each in the order of coming. */
function rank(person: ParticipantInfo, snapshot: RoomSnapshot): number {
  if (person.role === 'lecturer') return 0
  if (person.role === 'host') return 1
  if (person.device === 'site') return 2
  return cameraOf(person, snapshot) === null ? 4 : 3
}

export function arrangeGallery(previous: GalleryState, input: GalleryInput, nowMs: number): GalleryState {
  const { snapshot, capacity } = input
  const others = snapshot.participants.filter((one) => one.participant_id !== input.myId)
  const byId = new Map(others.map((one) => [one.participant_id, one]))
  const ranked = [...others].sort((a, b) => rank(a, snapshot) - rank(b, snapshot) || a.joined_ms - b.joined_ms)
  if (ranked.length <= capacity) return { ...previous, shown: keepOrder(previous.shown, ranked) }
  const kept = previous.shown.filter((id) => byId.has(id)).slice(0, capacity)
  const filled = [...kept, ...ranked.map((one) => one.participant_id).filter((id) => !kept.includes(id))].slice(0, capacity)
  return swapOne(filled, previous, input, byId, nowMs)
}

function keepOrder(known: readonly string[], ranked: readonly ParticipantInfo[]): string[] {
  const ids = ranked.map((one) => one.participant_id)
  const kept = known.filter((id) => ids.includes(id))
  return [...kept, ...ids.filter((id) => !kept.includes(id))]
}

/** Somebody off the page speaks or shows a face: takes the place of the least important one. */
function swapOne(
  shown: readonly string[],
  previous: GalleryState,
  input: GalleryInput,
  byId: ReadonlyMap<string, ParticipantInfo>,
  nowMs: number,
): GalleryState {
  const unchanged = { shown, swappedAtMs: previous.swappedAtMs }
  if (nowMs - previous.swappedAtMs < SWAP_INTERVAL_MS) return unchanged
  const incoming = input.speakers.find((id) => byId.has(id) && !shown.includes(id)) ?? faceOffPage(shown, input)
  if (incoming === undefined) return unchanged
  const isFace = !input.speakers.includes(incoming)
  const leaving = [...shown].reverse().find((id) => {
    const person = byId.get(id)
    const place = person ? rank(person, input.snapshot) : 4
    return !input.speakers.includes(id) && place >= (isFace ? 4 : 3)
  })
  if (leaving === undefined) return unchanged
  return { shown: shown.map((id) => (id === leaving ? incoming : id)), swappedAtMs: nowMs }
}

function faceOffPage(shown: readonly string[], input: GalleryInput): string | undefined {
  return input.snapshot.participants.find(
    (one) => one.participant_id !== input.myId && !shown.includes(one.participant_id) && cameraOf(one, input.snapshot) !== null,
  )?.participant_id
}
