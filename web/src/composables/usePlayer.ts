/** The video element of the replay as state and verbs. Knows nothing of credit: it announces what played. */
import { useEventListener } from '@vueuse/core'
import { onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'

import { openSource, type Source, type SourceFailure } from '@/replay/source'

export interface PlayerEvents {
  onBegin: (atMs: number) => void
  onReach: (atMs: number) => void
  onStop: (reason: 'pause' | 'seek' | 'end') => void
  onRate: (rate: number) => void
}

export function usePlayer(video: Readonly<Ref<HTMLVideoElement | null>>, options: { url: string; startMs: number; durationMs: number }, events: PlayerEvents) {
  const positionMs = ref(options.startMs)
  const playing = ref(false)
  const buffering = ref(false)
  const rate = ref(1)
  const muted = ref(false)
  const failure = ref<SourceFailure | null>(null)
  const source = shallowRef<Source | null>(null)

  const atMs = () => Math.min(options.durationMs, Math.round((video.value?.currentTime ?? 0) * 1000))

  async function open(element: HTMLVideoElement): Promise<void> {
    source.value = await openSource(element, options.url, options.startMs, (what) => (failure.value = what))
  }

  async function play(): Promise<void> {
    if (failure.value === 'network') retry()
    if (video.value?.ended) seek(0)
    try {
      await video.value?.play()
    } catch {
      playing.value = false // a pause or another source came between, or the browser wants a tap first
    }
  }

  function pause(): void {
    video.value?.pause()
  }

  function seek(ms: number): void {
    const element = video.value
    if (!element) return
    const target = Math.max(0, Math.min(options.durationMs - 100, ms))
    if (playing.value) events.onReach(atMs())
    element.currentTime = target / 1000
    positionMs.value = target
  }

  function setRate(next: number): void {
    if (video.value) video.value.playbackRate = next
  }

  function toggleMuted(): void {
    if (video.value) video.value.muted = !video.value.muted
  }

  function changeVolume(by: number): void {
    if (video.value) video.value.volume = Math.max(0, Math.min(1, video.value.volume + by))
  }

  function retry(): void {
    failure.value = null
    source.value?.retry()
  }

  listen(video, { positionMs, playing, buffering, rate, muted, failure }, atMs, events)
  watch(video, (element) => {
    if (element && !source.value) void open(element)
  }, { immediate: true })
  onScopeDispose(() => source.value?.close())

  return { positionMs, playing, buffering, rate, muted, failure, play, pause, seek, setRate, toggleMuted, changeVolume, retry }
}

interface PlayerState {
  positionMs: Ref<number>
  playing: Ref<boolean>
  buffering: Ref<boolean>
  rate: Ref<number>
  muted: Ref<boolean>
  failure: Ref<SourceFailure | null>
}

/** The element's own events are the truth; our verbs only ask it. */
function listen(video: Readonly<Ref<HTMLVideoElement | null>>, state: PlayerState, atMs: () => number, events: PlayerEvents): void {
  useEventListener(video, 'playing', () => {
    state.playing.value = true
    state.buffering.value = false
    state.failure.value = null
    events.onBegin(atMs())
  })
  useEventListener(video, 'timeupdate', () => {
    if (video.value?.seeking) return
    state.positionMs.value = atMs()
    if (state.playing.value) events.onReach(atMs())
  })
  useEventListener(video, 'waiting', () => (state.buffering.value = true))
  useEventListener(video, 'seeking', () => events.onStop('seek'))
  useEventListener(video, 'seeked', () => {
    state.buffering.value = false
    if (state.playing.value) events.onBegin(atMs())
  })
  useEventListener(video, 'pause', () => {
    if (!video.value?.seeking) events.onReach(atMs())
    state.playing.value = false
    events.onStop(video.value?.ended ? 'end' : 'pause')
  })
  useEventListener(video, 'ratechange', () => {
    state.rate.value = video.value?.playbackRate ?? 1
    events.onRate(state.rate.value)
  })
  useEventListener(video, 'volumechange', () => (state.muted.value = video.value?.muted ?? false))
}
