/** Editing of one entry's minutes: texts, summary, reasons of absence, saving, and what to do when somebody else was faster. */
import { useDebounceFn, useEventListener } from '@vueuse/core'
import { computed, nextTick, ref, shallowRef, watch, type Ref } from 'vue'

import { put } from '@/api/client'
import { AppError } from '@/api/errors'
import type { LedgerEntry, MinutesInput, RemarkInfo } from '@/protocol/generated'
import { dropDraft, keepDraft, readDraft } from '@/stores/drafts'

type Minutes = Pick<MinutesInput, 'version'> & { texts: Record<string, string>; summary: string; absence_reasons: Record<string, string> }

const AUTOSAVE_MS = 1500

export function minutesOf(entry: LedgerEntry): Minutes {
  const absent = entry.attendance.filter((row) => row.state === 'absent')
  return {
    version: entry.version,
    texts: Object.fromEntries(entry.agenda.map((item) => [item.item_id, item.text])),
    summary: entry.summary,
    absence_reasons: Object.fromEntries(absent.map((row) => [row.member_id, row.leave_reason ?? ''])),
  }
}

/** One paragraph per remark, as the form wants it: 「姓名：…」. Spoken turns leave room for the recorder's words. */
export function paragraphsOf(remarks: readonly RemarkInfo[]): string {
  return remarks.map((remark) => `${remark.name}：${remark.text}`).join('\n')
}

export function withParagraphs(text: string, remarks: readonly RemarkInfo[]): string {
  return [text.trimEnd(), paragraphsOf(remarks)].filter(Boolean).join('\n')
}

export function useMinutes(entry: Ref<LedgerEntry>, reload: () => Promise<void>) {
  const name = `minutes-${entry.value.row.entry_id}`
  const kept = entry.value.can_edit ? readDraft<Minutes>(name) : null
  const minutes = ref<Minutes>(kept ?? minutesOf(entry.value))
  const restored = ref(kept !== null)
  const busy = ref(false)
  const failure = shallowRef<AppError | null>(null)
  const conflict = ref(false)

  const dirty = computed(() => JSON.stringify({ ...minutes.value, version: 0 }) !== JSON.stringify({ ...minutesOf(entry.value), version: 0 }))

  async function save(): Promise<void> {
    if (!entry.value.can_edit || busy.value || !dirty.value) return
    busy.value = true
    failure.value = null
    try {
      const path = `/api/ledger/${encodeURIComponent(entry.value.row.entry_id)}/minutes`
      entry.value = await put<LedgerEntry>(path, minutes.value satisfies MinutesInput)
      await nextTick() // the page hands the new entry down to us
      discard()
    } catch (error) {
      failure.value = AppError.from(error)
      conflict.value = failure.value.code === 'conflict'
    } finally {
      busy.value = false
    }
  }

  /** The reader has seen that somebody else saved: either text may win, by choice. */
  async function resolve(keep: 'mine' | 'theirs'): Promise<void> {
    await reload()
    await nextTick()
    conflict.value = false
    failure.value = null
    if (keep === 'mine') minutes.value = { ...minutes.value, version: entry.value.version }
    else discard()
  }

  function discard(): void {
    dropDraft(name)
    restored.value = false
    minutes.value = minutesOf(entry.value)
  }

  // A signature or a reload brings a new version; texts that nobody touched follow it.
  watch(
    () => entry.value.version,
    () => {
      if (!dirty.value) minutes.value = minutesOf(entry.value)
    },
  )
  const keep = useDebounceFn(() => (dirty.value ? keepDraft(name, minutes.value) : dropDraft(name)), AUTOSAVE_MS)
  watch(minutes, keep, { deep: true })
  useEventListener(window, 'beforeunload', (event) => {
    if (dirty.value && entry.value.can_edit) event.preventDefault()
  })

  return { minutes, dirty, restored, busy, failure, conflict, save, resolve, discard }
}
