/** Who is expected, who has signed in, and whether that is enough. Pure; the numbers are the server's. */
import type { RoomSnapshot } from '@/protocol/generated'

export interface Attendance {
  expected: number
  present: number
  expectedVoting: number
  presentVoting: number
  percent: number
  /** null: the type has no quorum. 0: reached. */
  quorumMissing: number | null
  quorumPercent: number | null
  [key: string]: number | null
}

export function attendanceOf(snapshot: Pick<RoomSnapshot, 'roll' | 'meeting'> | null): Attendance | null {
  if (!snapshot) return null
  const { roll, meeting } = snapshot
  const percent = roll.expected === 0 ? 0 : Math.floor((100 * roll.signed_in) / roll.expected)
  return {
    expected: roll.expected,
    present: roll.signed_in,
    expectedVoting: roll.expected_voting,
    presentVoting: roll.signed_in_voting,
    percent,
    quorumPercent: meeting.quorum_percent,
    quorumMissing: quorumMissing(roll.expected_voting, roll.signed_in_voting, meeting.quorum_percent),
  }
}

/** 「半数以上」 includes the half itself: present × 100 ≥ expected × share. */
export function quorumMissing(expectedVoting: number, presentVoting: number, quorumPercent: number | null): number | null {
  if (quorumPercent === null) return null
  return Math.max(0, Math.ceil((expectedVoting * quorumPercent) / 100) - presentVoting)
}
