/** What the scheduling form holds and when it may be sent. Pure: the page draws it, the server judges it again. */
import type { MeetingInput, MeetingType } from '@/protocol/generated'
import { instantOf } from '@/format/time'

export const STEPS = ['what', 'when', 'agenda', 'people', 'check'] as const
export type Step = (typeof STEPS)[number]

export interface DraftItem {
  key: number
  title: string
  minutes: string
}

export interface Draft {
  organisationId: string
  type: MeetingType | ''
  title: string
  day: string
  start: string
  end: string
  place: string
  items: DraftItem[]
  hostId: string
  recorderId: string
  lecturerId: string
  observerIds: string[]
  record: boolean
  notClassified: boolean
}

/** Field → key under schedule.need; `item:<key>` for agenda items. */
export type Faults = Readonly<Record<string, string>>

export const FIELD_STEPS: Readonly<Record<string, Step>> = {
  organisation_id: 'what',
  type: 'what',
  title: 'what',
  start_ms: 'when',
  end_ms: 'when',
  agenda: 'agenda',
  host_member_id: 'people',
  recorder_member_id: 'people',
  lecturer_member_id: 'people',
  observer_member_ids: 'people',
  not_classified: 'check',
}

/** The server lets a meeting begin a little in the past, so that "now" can be chosen. */
const GRACE_MS = 5 * 60_000

export function startOf(draft: Draft): number | null {
  return instantOf(draft.day, draft.start)
}

export function endOf(draft: Draft): number | null {
  return instantOf(draft.day, draft.end)
}

export function faultsOf(draft: Draft, nowMs: number): Faults {
  const faults: Record<string, string> = {}
  if (!draft.organisationId) faults.organisation_id = 'organisation'
  if (!draft.type) faults.type = 'type'
  if (!draft.title.trim()) faults.title = 'title'
  addTimeFaults(draft, nowMs, faults)
  for (const item of draft.items) {
    if (!item.title.trim()) faults[`item:${String(item.key)}`] = 'item'
    else if (!isMinutes(item.minutes)) faults[`item:${String(item.key)}`] = 'minutes'
  }
  if (!draft.hostId) faults.host_member_id = 'host'
  if (!draft.recorderId) faults.recorder_member_id = 'recorder'
  if (!draft.notClassified) faults.not_classified = 'not_classified'
  return faults
}

function addTimeFaults(draft: Draft, nowMs: number, faults: Record<string, string>): void {
  const start = startOf(draft)
  const end = endOf(draft)
  if (start === null) faults.start_ms = 'start'
  else if (start < nowMs - GRACE_MS) faults.start_ms = 'past'
  if (end === null || (start !== null && end <= start)) faults.end_ms = 'end'
}

function isMinutes(text: string): boolean {
  return text === '' || (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 600)
}

export function stepOf(field: string): Step {
  return field.startsWith('item:') ? 'agenda' : (FIELD_STEPS[field] ?? 'check')
}

export function faultsIn(faults: Faults, step: Step): string[] {
  return Object.keys(faults).filter((field) => stepOf(field) === step)
}

/** Only for a draft without faults. */
export function inputOf(draft: Draft): MeetingInput {
  if (draft.type === '') throw new Error('a draft with faults is not sent')
  return {
    organisation_id: draft.organisationId,
    type: draft.type,
    title: draft.title.trim(),
    start_ms: startOf(draft) ?? 0,
    end_ms: endOf(draft) ?? 0,
    host_member_id: draft.hostId,
    recorder_member_id: draft.recorderId,
    lecturer_member_id: draft.lecturerId || null,
    observer_member_ids: draft.observerIds,
    place: draft.place.trim(),
    agenda: draft.items.map(({ title, minutes }) => ({ title: title.trim(), planned_minutes: minutes === '' ? null : Number(minutes) })),
    not_classified: draft.notClassified,
    record: draft.record,
  }
}

/** The next quarter of an hour that leaves half an hour to prepare. */
export function nextQuarter(nowMs: number): number {
  const quarter = 15 * 60_000
  return Math.ceil((nowMs + 2 * quarter) / quarter) * quarter
}
