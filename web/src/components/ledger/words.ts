/** Marks of ledger entries and of attendance: word and colour together. */
import type { AttendanceState, LedgerRow, LedgerState } from '@/protocol/generated'

import type { Tone } from '@/components/meetings/types'

export const LEDGER_TONES: Record<LedgerState, Tone> = { draft: 'due', signed_by_recorder: 'due', archived: 'ok' }
export const ATTENDANCE_TONES: Record<AttendanceState, Tone> = { present: 'ok', late: 'due', left_early: 'due', leave: 'none', absent: 'over' }
export const REASONS = ['sick', 'personal', 'duty_travel', 'training', 'care', 'other'] as const

/** What is missing beside the signatures, which the state says already. */
export function openPoints(row: LedgerRow): string[] {
  return row.missing.filter((code) => !code.endsWith('_signature'))
}

/** Whole percents, rounded down: 100 only when everybody was there. */
export function attendanceRate(expected: number, present: number): number {
  return expected > 0 ? Math.floor((present / expected) * 100) : 0
}
