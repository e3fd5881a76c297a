/** A small room for tests: three people, one camera, nothing said yet. */
import type { ParticipantInfo, PublicationInfo, RoomSnapshot, Source } from '../protocol/generated'

export function participant(id: string, change: Partial<ParticipantInfo> = {}): ParticipantInfo {
  return {
    participant_id: id,
    member_id: `member-${id}`,
    name: id,
    role: 'member',
    presence: 'present',
    joined_ms: 0,
    device: 'desktop',
    signed_in: false,
    quality: 'full',
    withheld: [],
    companion_of: null,
    ...change,
  }
}

export function publication(participantId: string, source: Source, change: Partial<PublicationInfo> = {}): PublicationInfo {
  return { publication_id: `${participantId}:${source}`, participant_id: participantId, source, muted: false, flowing: true, ...change }
}

export function roomSnapshot(change: Partial<RoomSnapshot> = {}): RoomSnapshot {
  return {
    revision: 1,
    server_ms: 0,
    meeting: {
      meeting_id: 'm',
      title: '党课',
      type: 'party_lesson',
      state: 'live',
      organisation_name: '机关第一党支部',
      host_name: '李红梅',
      lecturer_name: null,
      scheduled_start_ms: 0,
      scheduled_end_ms: 0,
      started_ms: 0,
      ended_ms: null,
      quorum_percent: null,
    },
    participants: [participant('me'), participant('wang', { joined_ms: 1 }), participant('zhao', { joined_ms: 2 })],
    publications: [],
    hands: [],
    floor: null,
    remarks: [],
    agenda: { items: [], current_item_id: null },
    pinned_publication_id: null,
    roll: { expected: 3, signed_in: 0, expected_voting: 3, signed_in_voting: 0, entries: [] },
    recording: { recording_id: null, state: 'off', since_ms: null, code: null },
    speakers: [],
    ...change,
  }
}
