/** What a kind of device captures, sends at most and can decode at once (ux.md §5.2). Data only. */
import type { Source } from '../protocol/generated'

export type DeviceClass = 'desktop' | 'phone'

export interface RtcProfile {
  readonly audioSlots: number
  readonly videoSlots: number
  readonly camera: MediaTrackConstraints
  readonly maxBitrateBps: Readonly<Record<Source, number>>
}

const AUDIO_BPS = 40_000
const SCREEN_AUDIO_BPS = 96_000

export const PROFILES: Readonly<Record<DeviceClass, RtcProfile>> = {
  desktop: {
    audioSlots: 3,
    videoSlots: 10,
    camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 25 } },
    maxBitrateBps: { microphone: AUDIO_BPS, camera: 1_500_000, screen: 2_500_000, screen_audio: SCREEN_AUDIO_BPS },
  },
  phone: {
    audioSlots: 3,
    videoSlots: 4,
    camera: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 20, max: 25 } },
    maxBitrateBps: { microphone: AUDIO_BPS, camera: 500_000, screen: 1_500_000, screen_audio: SCREEN_AUDIO_BPS },
  },
}

/** The order of the sending m-lines is part of the contract with the media worker. */
export const SOURCE_ORDER: readonly Source[] = ['microphone', 'camera', 'screen', 'screen_audio']

export function kindOf(source: Source): 'audio' | 'video' {
  return source === 'microphone' || source === 'screen_audio' ? 'audio' : 'video'
}
