/** Second devices of a person, encoders and players among them: shown beside the person, never counted. Pure. */
import type { ParticipantInfo, PublicationInfo, RoomSnapshot } from '../protocol/generated'

export function isCompanion(one: Pick<ParticipantInfo, 'companion_of'>): boolean {
  return one.companion_of !== null
}

/** Who sits in the room, in the order of the snapshot. */
export function seatsOf(participants: readonly ParticipantInfo[]): ParticipantInfo[] {
  return participants.filter((one) => !isCompanion(one))
}

/** Seat → its further devices. */
export function companionsBySeat(participants: readonly ParticipantInfo[]): Map<string, ParticipantInfo[]> {
  const found = new Map<string, ParticipantInfo[]>()
  for (const one of participants) {
    if (one.companion_of !== null) found.set(one.companion_of, [...(found.get(one.companion_of) ?? []), one])
  }
  return found
}

/** It is heard and seen, so the host has to be able to do something about it. */
export function isEncoder(one: Pick<ParticipantInfo, 'device'>): boolean {
  return one.device === 'encoder'
}

/** Seats, then the encoders, and the devices whose seat has left before them. */
export function rowsOf(participants: readonly ParticipantInfo[]): ParticipantInfo[] {
  const seats = seatsOf(participants)
  const ids = new Set(seats.map((one) => one.participant_id))
  return [...seats, ...participants.filter((one) => one.companion_of !== null && (isEncoder(one) || !ids.has(one.companion_of)))]
}

/** The room as the pictures see it: an encoder has one, a second screen has nothing to show. */
export function withoutWatchers(snapshot: RoomSnapshot): RoomSnapshot {
  const showing = new Set(snapshot.publications.filter(isPicture).map((one) => one.participant_id))
  const participants = snapshot.participants.filter((one) => !isCompanion(one) || showing.has(one.participant_id))
  return participants.length === snapshot.participants.length ? snapshot : { ...snapshot, participants }
}

function isPicture(one: PublicationInfo): boolean {
  return one.source === 'camera' || one.source === 'screen'
}
