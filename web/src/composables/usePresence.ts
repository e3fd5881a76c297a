/** 「您还在学习吗？」: shows the server's prompt, answers it, and notices when nobody did. */
import { useIntervalFn } from '@vueuse/core'
import { onScopeDispose, ref } from 'vue'

import type { PresencePrompt } from '@/protocol/generated'

/** The server waits a little longer than it says before it takes credit back; then we ask what is left. */
const SETTLE_MS = 6000

export function usePresence(answerS: number, ports: { send: (promptId?: string) => void; pause: () => void }) {
  const prompt = ref<{ id: string; untilMs: number } | null>(null)
  const missed = ref(false)
  /** Answers under way still bring the prompt that was just answered. */
  const closed = new Set<string>()
  let settleTimer: ReturnType<typeof setTimeout> | undefined

  function hear(asked: PresencePrompt | null): void {
    if (!asked) prompt.value = null
    else if (asked.prompt_id !== prompt.value?.id && !closed.has(asked.prompt_id)) {
      // The server's clock is not ours: the time to answer runs from when we heard of it.
      prompt.value = { id: asked.prompt_id, untilMs: Date.now() + answerS * 1000 }
    }
  }

  function answer(): void {
    if (!prompt.value) return
    const { id } = prompt.value
    close(id)
    ports.send(id)
  }

  function miss(id: string): void {
    close(id)
    missed.value = true
    ports.pause()
    settleTimer = setTimeout(() => ports.send(), SETTLE_MS)
  }

  function close(id: string): void {
    closed.add(id)
    prompt.value = null
    missed.value = false
  }

  useIntervalFn(() => {
    if (prompt.value && Date.now() >= prompt.value.untilMs) miss(prompt.value.id)
  }, 500)
  onScopeDispose(() => clearTimeout(settleTimer))

  return { prompt, missed, hear, answer }
}
