import { describe, expect, it } from 'vitest'

import { roomSnapshot } from '@/room/testRoom'

import { attendanceOf, quorumMissing } from './attendance'
import { judgeNetwork } from './networkCheck'

describe('attendance', () => {
  it('shows a rate, and no quorum where the type has none', () => {
    const roll = { expected: 41, signed_in: 33, expected_voting: 38, signed_in_voting: 31, entries: [] }
    expect(attendanceOf(roomSnapshot({ roll }))).toMatchObject({ expected: 41, present: 33, percent: 80, quorumMissing: null })
  })

  it('survives an empty roll and no room at all', () => {
    expect(attendanceOf(roomSnapshot({ roll: { expected: 0, signed_in: 0, expected_voting: 0, signed_in_voting: 0, entries: [] } }))?.percent).toBe(0)
    expect(attendanceOf(null)).toBeNull()
  })

  it('counts the half itself as enough, and rounds an odd half up', () => {
    expect(quorumMissing(38, 19, 50)).toBe(0)
    expect(quorumMissing(38, 18, 50)).toBe(1)
    expect(quorumMissing(39, 19, 50)).toBe(1)
    expect(quorumMissing(3, 0, 80)).toBe(3)
    expect(quorumMissing(38, 0, null)).toBeNull()
  })
})

describe('judgeNetwork', () => {
  it('goes by the fastest round trip', () => {
    expect(judgeNetwork([])).toBe('none')
    expect(judgeNetwork([900, 120])).toBe('good')
    expect(judgeNetwork([300])).toBe('fair')
    expect(judgeNetwork([401, 1000])).toBe('weak')
  })
})
