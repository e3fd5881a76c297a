/** Credit for a replay: ties the player's reports to heartbeats, and the server's answers to what the page shows. */
import { useDocumentVisibility, useEventListener, useIntervalFn } from '@vueuse/core'
import { computed, onScopeDispose, shallowRef, watch } from 'vue'

import { post } from '@/api/client'
import type { AppError } from '@/api/errors'
import type { Coverage, HeartbeatAnswer, MakeupTaskInfo, Replay, WatchSession } from '@/protocol/generated'
import { holes, subtract, type Span } from '@/replay/coverage'
import { Heartbeats, type BeatReason } from '@/replay/Heartbeats'
import { PlayedSpans } from '@/replay/playedSpans'

import { usePresence } from './usePresence'

export interface Refusal {
  ms: number
  reason: string
}

export function useWatch(replay: Replay, pausePlayer: () => void, positionMs: () => number) {
  const coverage = shallowRef<Coverage>(replay.coverage)
  const task = shallowRef<MakeupTaskInfo | null>(replay.task)
  const refusal = shallowRef<Refusal | null>(null)
  const trouble = shallowRef<AppError | null>(null)
  const pending = shallowRef<readonly Span[]>([])
  const visibility = useDocumentVisibility()
  const spans = new PlayedSpans(1, visibility.value === 'visible')
  const presence = usePresence(replay.rule.prompt_answer_s, { send: (promptId) => report('prompt', { promptId }), pause: pausePlayer })

  const heartbeats = new Heartbeats({
    openSession: () => post<WatchSession>(`/api/recordings/${replay.recording_id}/watch`),
    send: (id, beat, keepalive) => post<HeartbeatAnswer>(`/api/watch/${id}/heartbeat`, beat, { keepalive }),
    onSession: (session) => (coverage.value = session.coverage),
    onAnswer: hear,
    onTrouble: (error) => (trouble.value = error),
  })

  const openHoles = computed(() => holes(replay.duration_ms, coverage.value.credited, replay.gaps))

  function hear(answer: HeartbeatAnswer): void {
    coverage.value = answer.coverage
    if (answer.task) task.value = answer.task
    refusal.value = answer.refused_ms >= 1000 ? { ms: answer.refused_ms, reason: answer.refused_reason ?? 'other' } : null
    presence.hear(answer.prompt)
    showPending()
  }

  function report(reason: BeatReason, more: { promptId?: string; leaving?: boolean } = {}): void {
    heartbeats.report(reason === 'tick' || reason === 'prompt' || reason === 'hidden' ? spans.take() : spans.end(), reason, { ...more, atMs: positionMs() })
    showPending()
  }

  function showPending(): void {
    const played = [...heartbeats.unconfirmed, ...(spans.current ? [spans.current] : [])]
    pending.value = subtract(played.map(({ fromMs, toMs }) => ({ start_ms: fromMs, end_ms: toMs })), coverage.value.credited)
  }

  const player = {
    onBegin: (atMs: number) => {
      presence.missed.value = false
      // After a stall the element says "playing" again without ever having paused.
      if (spans.playing) player.onReach(atMs)
      else spans.begin(atMs)
    },
    onReach: (atMs: number) => {
      const jumped = spans.reach(atMs)
      if (jumped) heartbeats.report(jumped, 'seek', { atMs })
      showPending()
    },
    onStop: (reason: 'pause' | 'seek' | 'end') => report(reason),
    onRate: (rate: number) => heartbeats.report(spans.changeRate(rate), 'rate', { atMs: positionMs() }),
  }

  watch(visibility, (state) => {
    const before = spans.changeVisible(state === 'visible')
    heartbeats.report(before, 'hidden', { leaving: state !== 'visible', atMs: positionMs() })
  })
  useEventListener(window, 'pagehide', () => report('hidden', { leaving: true }))
  useIntervalFn(() => (spans.playing ? report('tick') : void heartbeats.flush()), 10_000)
  onScopeDispose(() => report('end', { leaving: true }))

  return { coverage, task, refusal, trouble, pending, openHoles, player, presence, start: () => heartbeats.start() }
}
