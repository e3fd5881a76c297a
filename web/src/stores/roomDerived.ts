/** What the pages ask of the room's view again and again. */
import { computed, type Ref, type ShallowRef } from 'vue'

import type { ParticipantInfo } from '@/protocol/generated'
import { companionsBySeat, seatsOf } from '@/room/companions'
import { textKeyOf } from '@/room/errors'
import type { RoomView } from '@/room/view'

export function deriveFrom(view: ShallowRef<RoomView>, nowMs: Ref<number>) {
  const snapshot = computed(() => view.value.snapshot)
  const myId = computed(() => view.value.seat?.participantId ?? '')
  const grants = computed(() => view.value.seat?.grants ?? null)
  const people = computed(() => new Map((snapshot.value?.participants ?? []).map((one) => [one.participant_id, one])))
  const me = computed<ParticipantInfo | null>(() => people.value.get(myId.value) ?? null)
  const isCompanion = computed(() => view.value.seat?.companion ?? false)
  const isModerator = computed(() => grants.value?.moderate ?? false)
  /** 0: my hand is down. */
  const myPlace = computed(() => (snapshot.value?.hands.findIndex((one) => one.participant_id === myId.value) ?? -1) + 1)
  const serverNowMs = computed(() => nowMs.value + view.value.clockOffsetMs)
  return {
    snapshot,
    myId,
    grants,
    people,
    me,
    isCompanion,
    /** Who is counted. A second device is not. */
    seats: computed(() => seatsOf(snapshot.value?.participants ?? [])),
    companions: computed(() => companionsBySeat(snapshot.value?.participants ?? [])),
    /** Who may not be heard may still ask for the floor. */
    canRaiseHand: computed(() => me.value !== null && me.value.role !== 'observer' && !isCompanion.value),
    isOnAir: computed(() => view.value.broadcast.state === 'live'),
    noWayKey: computed(() => noWayKey(view.value)),
    isModerator,
    myPlace,
    serverNowMs,
    keepsMinutes: computed(() => isModerator.value || me.value?.role === 'recorder'),
    hasFloor: computed(() => myId.value !== '' && snapshot.value?.floor?.participant_id === myId.value),
    needsSignIn: computed(() => me.value !== null && !isCompanion.value && me.value.role !== 'observer' && !me.value.signed_in),
    speaking: computed(() => new Set(view.value.speakers)),
    onlineMs: computed(() => (me.value ? Math.max(0, serverNowMs.value - me.value.joined_ms) : 0)),
    mutedIds: computed(() => mutedIds(view.value)),
  }
}

/** Why nothing of one's own can go out now: an open microphone would be shown to everybody and heard by nobody. */
function noWayKey(view: RoomView): string | null {
  if (view.broadcast.state === 'live') return 'room.broadcast.no_media'
  return view.media === 'refused' ? textKeyOf(view.mediaProblem ?? 'no_usable_media') : null
}

export type RoomDerived = ReturnType<typeof deriveFrom>

/** Nobody without a microphone publication is heard. */
function mutedIds(view: RoomView): ReadonlySet<string> {
  const open = new Set(
    (view.snapshot?.publications ?? []).filter((one) => one.source === 'microphone' && !one.muted).map((one) => one.participant_id),
  )
  return new Set((view.snapshot?.participants ?? []).map((one) => one.participant_id).filter((id) => !open.has(id)))
}
