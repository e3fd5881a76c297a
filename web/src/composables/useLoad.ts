/** Fetches what a page shows and says how that is going: quiet at first, then loading, slow, stuck; old data stay visible. */
import { computed, onScopeDispose, ref, shallowRef } from 'vue'

import { AppError } from '@/api/errors'

/** A skeleton before this would only flicker; the later texts are ux.md S0. */
const PATIENCE_MS = { loading: 200, slow: 4000, stuck: 10_000 } as const

export type Waiting = 'no' | 'quiet' | keyof typeof PATIENCE_MS

export function useLoad<T>(fetchIt: (signal: AbortSignal) => Promise<T>) {
  const data = shallowRef<T | null>(null)
  const error = shallowRef<AppError | null>(null)
  const waiting = ref<Waiting>('no')
  const loadedMs = ref(0)
  let current: AbortController | null = null
  let timers: ReturnType<typeof setTimeout>[] = []

  function stopWaiting(): void {
    timers.forEach(clearTimeout)
    timers = []
    waiting.value = 'no'
  }

  function startWaiting(): void {
    stopWaiting()
    waiting.value = 'quiet'
    timers = (['loading', 'slow', 'stuck'] as const).map((stage) => setTimeout(() => (waiting.value = stage), PATIENCE_MS[stage]))
  }

  async function load(): Promise<void> {
    current?.abort()
    const mine = new AbortController()
    current = mine
    startWaiting()
    try {
      const answer = await fetchIt(mine.signal)
      if (current !== mine) return
      data.value = answer
      error.value = null
      loadedMs.value = Date.now()
    } catch (cause) {
      if (current !== mine || mine.signal.aborted) return
      error.value = AppError.from(cause)
    }
    if (current === mine) stopWaiting()
  }

  onScopeDispose(() => {
    current?.abort()
    current = null
    stopWaiting()
  })
  void load()

  /** Shown data are from earlier: the latest attempt failed. */
  const stale = computed(() => data.value !== null && error.value !== null)
  return { data, error, waiting, loadedMs, stale, load }
}
