/** A list that comes in pages: rows so far, whether there are more, and how the latest fetch went. */
import { onScopeDispose, ref, shallowRef } from 'vue'

import { AppError } from '@/api/errors'

export interface Page<Row> {
  rows: Row[]
  next_cursor: string | null
}

export function usePages<Row>(fetchPage: (cursor: string | null, signal: AbortSignal) => Promise<Page<Row>>) {
  const rows = shallowRef<Row[] | null>(null)
  const cursor = ref<string | null>(null)
  const error = shallowRef<AppError | null>(null)
  const busy = ref(false)
  let current: AbortController | null = null

  async function fetchInto(from: string | null): Promise<void> {
    current?.abort()
    const mine = new AbortController()
    current = mine
    busy.value = true
    try {
      const page = await fetchPage(from, mine.signal)
      if (current !== mine) return
      rows.value = from === null ? page.rows : [...(rows.value ?? []), ...page.rows]
      cursor.value = page.next_cursor
      error.value = null
    } catch (cause) {
      if (current !== mine || mine.signal.aborted) return
      error.value = AppError.from(cause)
    }
    busy.value = false
  }

  onScopeDispose(() => {
    current?.abort()
    current = null
  })

  return { rows, error, busy, cursor, reload: () => fetchInto(null), more: () => fetchInto(cursor.value) }
}
