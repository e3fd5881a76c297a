/** The scheduling form: its draft, the choices the server offers, and publishing. */
import { watchDebounced } from '@vueuse/core'
import { computed, reactive, ref, shallowRef, watch } from 'vue'

import { get, post } from '@/api/client'
import { AppError } from '@/api/errors'
import { faultsOf, inputOf, nextQuarter, startOf, stepOf, STEPS, type Draft, type Step } from '@/components/schedule/draft'
import { inputDate, inputTime } from '@/format/time'
import type { MeetingDetail, PlanningOptions } from '@/protocol/generated'
import { dropDraft, keepDraft, readDraft } from '@/stores/drafts'

const USUAL_LENGTH_MS = 90 * 60_000
const KEPT = 'schedule'
const AUTOSAVE_MS = 1000

function freshDraft(organisationId: string): Draft {
  const start = nextQuarter(Date.now())
  const people = { hostId: '', recorderId: '', lecturerId: '', observerIds: [] }
  return { organisationId, type: '', title: '', day: inputDate(start), start: inputTime(start), end: inputTime(start + USUAL_LENGTH_MS), place: '', items: [], ...people, record: false, notClassified: false }
}

/** What was typed survives a closed tab and a login in between; times that have passed and the confirmation do not. */
function restored(fresh: Draft): Draft {
  const kept = readDraft<Draft>(KEPT)
  if (!kept) return fresh
  const { day, start, end } = (startOf(kept) ?? 0) > Date.now() ? kept : fresh
  return { ...fresh, ...kept, day, start, end, notClassified: false }
}

export function useSchedule(organisationId: string) {
  const draft = reactive(restored(freshDraft(organisationId)))
  const options = shallowRef<PlanningOptions | null>(null)
  const step = ref<Step>('what')
  const tried = ref(false)
  const busy = ref(false)
  const failure = shallowRef<AppError | null>(null)
  const rule = computed(() => options.value?.types.find((type) => type.type === draft.type) ?? null)
  const faults = computed(() => ({ ...faultsOf(draft, Date.now()), ...serverFaults.value }))
  let published = false
  const serverFaults = shallowRef<Record<string, string>>({})
  const faulty = computed(() => (tried.value ? STEPS.filter((name) => Object.keys(faults.value).some((field) => stepOf(field) === name)) : []))

  async function load(): Promise<void> {
    failure.value = null
    try {
      const query = draft.organisationId ? `?organisation_id=${encodeURIComponent(draft.organisationId)}` : ''
      options.value = await get<PlanningOptions>(`/api/planning/options${query}`)
      draft.organisationId ||= options.value.organisations[0]?.organisation_id ?? ''
      keepPossible(draft, options.value)
    } catch (error) {
      failure.value = AppError.from(error)
    }
  }

  /** The new meeting's id, or null when something is to be corrected first. */
  async function publish(): Promise<string | null> {
    tried.value = true
    const [first] = Object.keys(faultsOf(draft, Date.now()))
    if (first) {
      step.value = stepOf(first)
      return null
    }
    busy.value = true
    failure.value = null
    try {
      const { summary } = await post<MeetingDetail>('/api/meetings', inputOf(draft))
      published = true
      dropDraft(KEPT)
      return summary.meeting_id
    } catch (error) {
      failure.value = AppError.from(error)
      serverFaults.value = Object.fromEntries(Object.keys(failure.value.fields).map((field) => [field, 'server']))
      const [wrong] = Object.keys(serverFaults.value)
      if (wrong) step.value = stepOf(wrong)
      return null
    } finally {
      busy.value = false
    }
  }

  watch(() => draft.organisationId, (now, before) => {
    if (before && now) void load()
  })
  watch(rule, (now) => {
    if (now) draft.record = now.records_by_default
  })
  watch(draft, () => (serverFaults.value = {}))
  watchDebounced(draft, () => published || !draft.title.trim() || keepDraft(KEPT, draft), { debounce: AUTOSAVE_MS })
  void load()

  return { draft, options, step, tried, busy, failure, rule, faults, faulty, load, publish }
}

/** Another organisation has other people and holds other types. */
function keepPossible(draft: Draft, options: PlanningOptions): void {
  const known = new Set(options.members.map((member) => member.member_id))
  for (const field of ['hostId', 'recorderId', 'lecturerId'] as const) if (!known.has(draft[field])) draft[field] = ''
  draft.observerIds = draft.observerIds.filter((id) => known.has(id))
  if (!options.types.some((type) => type.type === draft.type)) draft.type = options.types[0]?.type ?? ''
}
