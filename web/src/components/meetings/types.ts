/** How states of meetings and of make-ups are marked: word, colour, and the route behind a card's button. */
import type { RouteLocationRaw } from 'vue-router'

import type { MakeupTaskInfo, MeetingState, MeetingSummary } from '@/protocol/generated'

export type Tone = 'over' | 'due' | 'ok' | 'none' | 'info' | 'brand'

export const MEETING_TONES: Record<MeetingState, Tone> = {
  scheduled: 'info',
  live: 'brand',
  interrupted: 'due',
  ended: 'none',
  cancelled: 'none',
}

export function primaryRoute(meeting: MeetingSummary): RouteLocationRaw {
  const name = meeting.primary === 'enter' ? 'lobby' : 'meeting'
  return { name, params: { id: meeting.meeting_id } }
}

export const PRIMARY_WORDS = {
  enter: 'meetings.enter',
  wait: 'meetings.wait',
  make_up: 'meetings.go_make_up',
  replay: 'meetings.replay',
  view: 'meetings.view',
} as const satisfies Record<MeetingSummary['primary'], string>

/** Within this many days a due make-up is marked. */
const SOON_DAYS = 7

export function makeupTone(task: MakeupTaskInfo, days: number): Tone {
  if (task.state === 'done') return 'ok'
  if (task.state === 'overdue' || days < 0) return 'over'
  return days <= SOON_DAYS ? 'due' : 'none'
}

/** Whole percents of the required time, 100 only when the duty is really done. */
export function makeupPercent(task: Pick<MakeupTaskInfo, 'credited_ms' | 'required_ms' | 'state'>): number {
  if (task.state === 'done') return 100
  if (task.required_ms <= 0) return 0
  return Math.min(99, Math.floor((task.credited_ms / task.required_ms) * 100))
}
