/** The room as this client knows it: snapshot, then event after event. Pure; nothing is changed in place. */
import type { AnyRoomEvent, ParticipantInfo, PublicationInfo, RemarkInfo, RollEntry, RollInfo, RoomEventMap, RoomSnapshot } from '../protocol/generated'

type Appliers = {
  readonly [N in keyof RoomEventMap]: (state: RoomSnapshot, event: RoomEventMap[N]) => Partial<RoomSnapshot>
}

/** As many as a snapshot carries. */
const REMARKS_KEPT = 200

const APPLY: Appliers = {
  'participant.joined': (state, event) => ({ participants: putParticipant(state.participants, event.participant) }),
  'participant.changed': (state, event) => ({ participants: putParticipant(state.participants, event.participant) }),
  'participant.left': (state, event) => ({
    participants: state.participants.filter((one) => one.participant_id !== event.participant_id),
    publications: state.publications.filter((one) => one.participant_id !== event.participant_id),
    speakers: state.speakers.filter((id) => id !== event.participant_id),
  }),
  'publication.added': (state, event) => ({ publications: putPublication(state.publications, event.publication) }),
  'publication.changed': (state, event) => ({ publications: putPublication(state.publications, event.publication) }),
  'publication.removed': (state, event) => ({
    publications: state.publications.filter((one) => one.publication_id !== event.publication_id),
  }),
  'hands.changed': (_state, event) => ({ hands: event.hands }),
  'floor.changed': (_state, event) => ({ floor: event.floor }),
  'remark.added': (state, event) => ({ remarks: putRemark(state.remarks, event.remark) }),
  'agenda.moved': (_state, event) => ({ agenda: event.agenda }),
  'stage.changed': (_state, event) => ({ pinned_publication_id: event.pinned_publication_id }),
  'roll.changed': (state, event) => ({ roll: putRoll(state.roll, event) }),
  'recording.changed': (_state, event) => ({ recording: event.recording }),
  'meeting.changed': (state, event) => ({
    meeting: {
      ...state.meeting,
      state: event.state,
      started_ms: event.started_ms ?? state.meeting.started_ms,
      ended_ms: event.ended_ms ?? state.meeting.ended_ms,
    },
  }),
}

/** An event of a newer server that this page does not know only moves the revision. */
export function applyEvent(state: RoomSnapshot, event: AnyRoomEvent): RoomSnapshot {
  const apply = APPLY[event.type] as ((state: RoomSnapshot, event: AnyRoomEvent) => Partial<RoomSnapshot>) | undefined
  return { ...state, ...apply?.(state, event), revision: event.revision }
}

function put<T>(list: readonly T[], item: T, isSame: (other: T) => boolean): T[] {
  const index = list.findIndex(isSame)
  return index < 0 ? [...list, item] : list.map((other, at) => (at === index ? item : other))
}

function putParticipant(list: readonly ParticipantInfo[], item: ParticipantInfo): ParticipantInfo[] {
  return put(list, item, (other) => other.participant_id === item.participant_id)
}

function putPublication(list: readonly PublicationInfo[], item: PublicationInfo): PublicationInfo[] {
  return put(list, item, (other) => other.publication_id === item.publication_id)
}

function putRemark(list: readonly RemarkInfo[], item: RemarkInfo): RemarkInfo[] {
  return put(list, item, (other) => other.remark_id === item.remark_id).slice(-REMARKS_KEPT)
}

function putRoll(roll: RollInfo, event: RoomEventMap['roll.changed']): RollInfo {
  const isSame = (other: RollEntry): boolean => other.member_id === event.entry.member_id
  return {
    ...roll,
    signed_in: event.signed_in,
    signed_in_voting: event.signed_in_voting,
    entries: put(roll.entries, event.entry, isSame),
  }
}
