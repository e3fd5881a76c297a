/** Gives a <video> its recording: natively where the platform plays HLS itself, else by hls.js, loaded only then. */
import type Hls from 'hls.js'

export type SourceFailure = 'network' | 'unsupported'

export interface Source {
  /** After a failure: goes on from where it stopped. */
  retry: () => void
  close: () => void
}

interface Platform {
  userAgent: string
  maxTouchPoints: number
}

/** iPhones and iPads (an iPad calls itself a Mac), WeChat on them included: no or poor MSE, good HLS of their own. */
export function playsHlsItself({ userAgent, maxTouchPoints }: Platform): boolean {
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1)
}

export async function openSource(video: HTMLVideoElement, url: string, startMs: number, onFailure: (failure: SourceFailure) => void): Promise<Source> {
  if (playsHlsItself(navigator)) return openNative(video, url, startMs, onFailure)
  const { default: HlsLight } = await import('hls.js/light')
  if (HlsLight.isSupported()) return openHls(HlsLight, video, url, startMs, onFailure)
  if (video.canPlayType('application/vnd.apple.mpegurl')) return openNative(video, url, startMs, onFailure)
  onFailure('unsupported')
  return { retry: () => undefined, close: () => undefined }
}

function openNative(video: HTMLVideoElement, url: string, startMs: number, onFailure: (failure: SourceFailure) => void): Source {
  const fail = () => onFailure(video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED ? 'unsupported' : 'network')
  const seekTo = (ms: number) => video.addEventListener('loadedmetadata', () => (video.currentTime = ms / 1000), { once: true })
  video.addEventListener('error', fail)
  seekTo(startMs)
  video.src = url
  return {
    retry: () => {
      seekTo(video.currentTime * 1000)
      video.src = url
    },
    close: () => {
      video.removeEventListener('error', fail)
      video.removeAttribute('src')
      video.load()
    },
  }
}

function openHls(HlsLight: typeof Hls, video: HTMLVideoElement, url: string, startMs: number, onFailure: (failure: SourceFailure) => void): Source {
  // An EVENT playlist without its end would start at the live edge; a lesson starts where the reader left it.
  const hls = new HlsLight({ startPosition: startMs / 1000, maxBufferLength: 30, backBufferLength: 60 })
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
    close: () => hls.destroy(),
  }
}
