/** 「您处于静音」: somebody who talks into a muted microphone is told so, at most once a minute. */
import { onBeforeUnmount, ref, watch } from 'vue'

import { LevelMeter } from '@/rtc/LevelMeter'
import { useRoom } from '@/stores/room'

const LOUD = 0.45
const TALKING_MS = 1200
const SHOWN_MS = 5000
const PAUSE_MS = 60_000

export function useMutedTalking() {
  const room = useRoom()
  const shown = ref(false)
  let meter: LevelMeter | null = null
  let loudSinceMs: number | null = null
  let quietUntilMs = 0

  function hear(level: number): void {
    const nowMs = Date.now()
    if (level < LOUD) loudSinceMs = null
    else loudSinceMs ??= nowMs
    if (loudSinceMs === null || nowMs - loudSinceMs < TALKING_MS || nowMs < quietUntilMs) return
    quietUntilMs = nowMs + PAUSE_MS
    shown.value = true
    setTimeout(() => (shown.value = false), SHOWN_MS)
  }

  function stop(): void {
    meter?.close()
    meter = null
    loudSinceMs = null
    shown.value = false
  }

  watch(
    [() => room.view.local.microphone, () => room.isOnAir] as const,
    ([{ phase, track }, isOnAir]) => {
      stop()
      // Beside the broadcast nobody could be heard anyway.
      if (phase === 'muted' && track && !isOnAir) meter = new LevelMeter(track, hear)
    },
  )
  onBeforeUnmount(stop)
  return shown
}
