import { describe, expect, it } from 'vitest'

import type { MakeupTaskInfo } from '@/protocol/generated'

import { makeupPercent, makeupTone } from './types'

const task: MakeupTaskInfo = {
  task_id: 't',
  meeting_id: 'm',
  recording_id: 'r',
  title: '党课',
  due_ms: 0,
  state: 'open',
  credited_ms: 0,
  required_ms: 57_000,
  duration_ms: 60_000,
  done_ms: null,
}

describe('make-up progress', () => {
  it('is 100 only when the server says done', () => {
    expect(makeupPercent(task)).toBe(0)
    expect(makeupPercent({ ...task, credited_ms: 28_500 })).toBe(50)
    expect(makeupPercent({ ...task, credited_ms: 56_999 })).toBe(99)
    expect(makeupPercent({ ...task, credited_ms: 57_000 })).toBe(99)
    expect(makeupPercent({ ...task, state: 'done' })).toBe(100)
    expect(makeupPercent({ ...task, required_ms: 0 })).toBe(0)
  })

  it('is marked by what is left', () => {
    expect(makeupTone(task, 8)).toBe('none')
    expect(makeupTone(task, 7)).toBe('due')
    expect(makeupTone(task, -1)).toBe('over')
    expect(makeupTone({ ...task, state: 'overdue' }, 3)).toBe('over')
    expect(makeupTone({ ...task, state: 'done' }, -9)).toBe('ok')
  })
})
