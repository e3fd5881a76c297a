import { describe, expect, it } from 'vitest'

import type { AnyRoomEvent, RemarkInfo, RollEntry } from '../protocol/generated'
import { applyEvent } from './applyEvent'
import { participant, publication, roomSnapshot } from './testRoom'

const AT = { revision: 2, at_ms: 10 }

function remark(id: string, change: Partial<RemarkInfo> = {}): RemarkInfo {
  return { remark_id: id, participant_id: 'wang', member_id: 'member-wang', name: '王建国', kind: 'text', text: '同意', at_ms: 0, until_ms: null, ...change }
}

function rollEntry(id: string, signedInMs: number | null): RollEntry {
  return { member_id: id, name: id, has_vote: true, signed_in_ms: signedInMs, method: signedInMs === null ? null : 'self', signed_in_by: null, leave_reason: null }
}

describe('applyEvent', () => {
  it('moves the revision and leaves the old state as it was', () => {
    const before = roomSnapshot()
    const after = applyEvent(before, { ...AT, type: 'hands.changed', hands: [{ participant_id: 'wang', raised_ms: 5 }] })
    expect(after.revision).toBe(2)
    expect(after.hands).toHaveLength(1)
    expect(before.hands).toHaveLength(0)
  })

  it('adds a participant once and replaces a changed one in place', () => {
    const joined = applyEvent(roomSnapshot(), { ...AT, type: 'participant.joined', participant: participant('li') })
    const again = applyEvent(joined, { ...AT, type: 'participant.joined', participant: participant('li') })
    const changed = applyEvent(again, { ...AT, type: 'participant.changed', participant: participant('wang', { presence: 'unstable' }) })
    expect(changed.participants.map((one) => one.participant_id)).toEqual(['me', 'wang', 'zhao', 'li'])
    expect(changed.participants[1]?.presence).toBe('unstable')
  })

  it('takes a leaver with all that was theirs: no ghost tile', () => {
    const state = roomSnapshot({ publications: [publication('wang', 'camera'), publication('zhao', 'camera')], speakers: ['wang'] })
    const after = applyEvent(state, { ...AT, type: 'participant.left', participant_id: 'wang', reason: 'lost' })
    expect(after.participants.map((one) => one.participant_id)).toEqual(['me', 'zhao'])
    expect(after.publications.map((one) => one.publication_id)).toEqual(['zhao:camera'])
    expect(after.speakers).toEqual([])
  })

  it('follows publications', () => {
    const added = applyEvent(roomSnapshot(), { ...AT, type: 'publication.added', publication: publication('wang', 'camera') })
    const muted = applyEvent(added, { ...AT, type: 'publication.changed', publication: publication('wang', 'camera', { muted: true }) })
    expect(muted.publications).toEqual([publication('wang', 'camera', { muted: true })])
    const gone = applyEvent(muted, { ...AT, type: 'publication.removed', publication_id: 'wang:camera' })
    expect(gone.publications).toEqual([])
  })

  it('keeps one remark of a spoken turn, and the last 200 of all', () => {
    let state = applyEvent(roomSnapshot(), { ...AT, type: 'remark.added', remark: remark('a', { kind: 'spoken' }) })
    state = applyEvent(state, { ...AT, type: 'remark.added', remark: remark('a', { kind: 'spoken', until_ms: 9 }) })
    expect(state.remarks).toHaveLength(1)
    expect(state.remarks[0]?.until_ms).toBe(9)
    for (let index = 0; index < 250; index += 1) state = applyEvent(state, { ...AT, type: 'remark.added', remark: remark(String(index)) })
    expect(state.remarks).toHaveLength(200)
    expect(state.remarks[199]?.remark_id).toBe('249')
  })

  it('takes the numbers of the roll from the server and the entry into its place', () => {
    const state = roomSnapshot({ roll: { expected: 2, signed_in: 0, expected_voting: 2, signed_in_voting: 0, entries: [rollEntry('a', null), rollEntry('b', null)] } })
    const after = applyEvent(state, { ...AT, type: 'roll.changed', entry: rollEntry('b', 7), signed_in: 1, signed_in_voting: 1 })
    expect(after.roll.entries.map((one) => one.signed_in_ms)).toEqual([null, 7])
    expect(after.roll).toMatchObject({ expected: 2, signed_in: 1, signed_in_voting: 1 })
  })

  it('follows floor, agenda, stage, recording and the meeting itself', () => {
    const events: AnyRoomEvent[] = [
      { ...AT, type: 'floor.changed', floor: { participant_id: 'wang', since_ms: 3 } },
      { ...AT, type: 'agenda.moved', agenda: { items: [], current_item_id: 'i1' } },
      { ...AT, type: 'stage.changed', pinned_publication_id: 'wang:camera' },
      { ...AT, type: 'recording.changed', recording: { recording_id: 'r', state: 'recording', since_ms: 4, code: null } },
      { ...AT, type: 'meeting.changed', state: 'ended', started_ms: null, ended_ms: 99 },
    ]
    const after = events.reduce(applyEvent, roomSnapshot())
    expect(after.floor?.participant_id).toBe('wang')
    expect(after.agenda.current_item_id).toBe('i1')
    expect(after.pinned_publication_id).toBe('wang:camera')
    expect(after.recording.state).toBe('recording')
    expect(after.meeting).toMatchObject({ state: 'ended', started_ms: 0, ended_ms: 99 })
  })

  it('lives with an event of a newer server', () => {
    const event = { ...AT, type: 'ballot.cast' } as unknown as AnyRoomEvent
    expect(applyEvent(roomSnapshot(), event)).toEqual({ ...roomSnapshot(), revision: 2 })
  })
})
