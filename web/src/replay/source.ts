/** Gives a <video> its recording: natively where the platform plays HLS itself, else by hls.js, loaded only then. */
import type Hls from 'hls.js'

export type SourceFailure = 'network' | 'unsupported'

export interface Source {
  /** After a failure: goes on from where it stopped. */
  retry: () => void
  /** How far what is seen lies behind what happens; null: not known, or not live. */
  behindMs: () => number | null
  /** To the newest that can be played without stopping. */
  toLive: () => void
  close: () => void
}

interface Platform {
  userAgent: string
  maxTouchPoints: number
}

/** Safari's: the wall-clock time of the stream's first moment. */
type DatedVideo = HTMLVideoElement & { getStartDate?: () => Date }

/** Three segments behind the end there is always something to play. */
const LIVE_MARGIN_S = 6
/** As the playlist's EXT-X-START asks; hls.js alone would go back three target durations, which is 12 s. */
const LIVE_SYNC_S = 4

/** iPhones and iPads (an iPad calls itself a Mac), WeChat on them included: no or poor MSE, good HLS of their own. */
export function playsHlsItself({ userAgent, maxTouchPoints }: Platform): boolean {
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1)
}

/** From `startMs` of the recording on, or (null) from where it is live now. */
export async function openSource(video: HTMLVideoElement, url: string, startMs: number | null, onFailure: (failure: SourceFailure) => void): Promise<Source> {
  if (playsHlsItself(navigator)) return openNative(video, url, startMs, onFailure)
  const { default: HlsLight } = await import('hls.js/light')
  if (HlsLight.isSupported()) return openHls(HlsLight, video, url, startMs, onFailure)
  if (video.canPlayType('application/vnd.apple.mpegurl')) return openNative(video, url, startMs, onFailure)
  onFailure('unsupported')
  return { retry: () => undefined, behindMs: () => null, toLive: () => undefined, close: () => undefined }
}

/** Pure: what a native player knows of its delay. */
export function nativeBehindMs(video: Pick<DatedVideo, 'currentTime' | 'seekable' | 'getStartDate'>, nowMs: number): number | null {
  const startedMs = video.getStartDate?.().getTime() ?? NaN
  if (!Number.isNaN(startedMs)) return Math.max(0, nowMs - startedMs - video.currentTime * 1000)
  const end = endOf(video)
  return end === null ? null : Math.max(0, (end - video.currentTime) * 1000)
}

function endOf(video: Pick<HTMLVideoElement, 'seekable'>): number | null {
  return video.seekable.length > 0 ? video.seekable.end(video.seekable.length - 1) : null
}

function openNative(video: HTMLVideoElement, url: string, startMs: number | null, onFailure: (failure: SourceFailure) => void): Source {
  const fail = () => onFailure(video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED ? 'unsupported' : 'network')
  const seekTo = (ms: number) => video.addEventListener('loadedmetadata', () => (video.currentTime = ms / 1000), { once: true })
  video.addEventListener('error', fail)
  if (startMs !== null) seekTo(startMs)
  video.src = url
  return {
    retry: () => {
      if (startMs !== null) seekTo(video.currentTime * 1000)
      video.src = url
    },
    behindMs: () => nativeBehindMs(video, Date.now()),
    toLive: () => {
      const end = endOf(video)
      if (end !== null) video.currentTime = Math.max(0, end - LIVE_MARGIN_S)
    },
    close: () => {
      video.removeEventListener('error', fail)
      video.removeAttribute('src')
      video.load()
    },
  }
}

function openHls(HlsLight: typeof Hls, video: HTMLVideoElement, url: string, startMs: number | null, onFailure: (failure: SourceFailure) => void): Source {
  // An EVENT playlist without its end would start at the live edge; a lesson starts where the reader left it.
  const from = startMs === null ? { startPosition: -1, liveSyncDuration: LIVE_SYNC_S } : { startPosition: startMs / 1000 }
  const hls = new HlsLight({ ...from, maxBufferLength: 30, backBufferLength: 60 })
  let mediaErrors = 0
  hls.on(HlsLight.Events.ERROR, (_event, data) => {
    if (!data.fatal) return
    if (data.type === HlsLight.ErrorTypes.MEDIA_ERROR && mediaErrors++ < 2) hls.recoverMediaError()
    else onFailure(data.type === HlsLight.ErrorTypes.NETWORK_ERROR ? 'network' : 'unsupported')
  })
  hls.loadSource(url)
  hls.attachMedia(video)
  return {
    retry: () => {
      if (hls.levels.length === 0) hls.loadSource(url)
      hls.startLoad()
    },
    behindMs: () => (hls.latency > 0 ? hls.latency * 1000 : null),
    toLive: () => {
      if (hls.liveSyncPosition !== null) video.currentTime = hls.liveSyncPosition
    },
    close: () => hls.destroy(),
  }
}
