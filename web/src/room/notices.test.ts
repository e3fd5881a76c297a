import { describe, expect, it } from 'vitest'

import { noticesOf } from './notices'
import { roomSnapshot } from './testRoom'

const AT = { revision: 2, at_ms: 0 }

describe('noticesOf', () => {
  it('tells only the one who was given the floor', () => {
    const floor = { ...AT, type: 'floor.changed' as const, floor: { participant_id: 'wang', since_ms: 0 } }
    expect(noticesOf(floor, roomSnapshot(), 'wang')).toEqual([{ kind: 'floor_given' }])
    expect(noticesOf(floor, roomSnapshot(), 'me')).toEqual([])
  })

  it('says that recording began or paused, once', () => {
    const recording = (state: string) => ({ recording_id: 'r', state, since_ms: null, code: null })
    const changed = (state: string) => ({ ...AT, type: 'recording.changed' as const, recording: recording(state) })
    expect(noticesOf(changed('recording'), roomSnapshot(), 'me')).toEqual([{ kind: 'recording_started' }])
    expect(noticesOf(changed('recording'), roomSnapshot({ recording: recording('recording') }), 'me')).toEqual([])
    expect(noticesOf(changed('recording'), roomSnapshot({ recording: recording('paused') }), 'me')).toEqual([{ kind: 'recording_resumed' }])
    expect(noticesOf(changed('recording'), roomSnapshot({ recording: recording('stalled') }), 'me')).toEqual([{ kind: 'recording_resumed' }])
    expect(noticesOf(changed('paused'), roomSnapshot(), 'me')).toEqual([{ kind: 'recording_paused' }])
    expect(noticesOf(changed('finished'), roomSnapshot(), 'me')).toEqual([])
  })

  it('announces the beginning of the meeting', () => {
    const scheduled = roomSnapshot({ meeting: { ...roomSnapshot().meeting, state: 'scheduled' } })
    const live = { ...AT, type: 'meeting.changed' as const, state: 'live' as const, started_ms: 1, ended_ms: null }
    expect(noticesOf(live, scheduled, 'me')).toEqual([{ kind: 'meeting_started' }])
    expect(noticesOf(live, roomSnapshot(), 'me')).toEqual([])
  })
})
