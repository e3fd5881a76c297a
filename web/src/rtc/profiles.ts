/** What a kind of device captures, sends at most and can decode at once (ux.md §5.2). Data only. */
import type { Source } from '../protocol/generated'
import type { Layer, Layers } from './encodings'

export type DeviceClass = 'desktop' | 'phone'

export interface RtcProfile {
  readonly audioSlots: number
  readonly videoSlots: number
  readonly camera: MediaTrackConstraints
  readonly layers: Readonly<Record<Source, Layers>>
}

const MICROPHONE: Layers = single(40_000)
const SCREEN_AUDIO: Layers = single(96_000)

export const PROFILES: Readonly<Record<DeviceClass, RtcProfile>> = {
  desktop: {
    audioSlots: 3,
    videoSlots: 10,
    camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 25 } },
    layers: {
      microphone: MICROPHONE,
      camera: [layer('q', 120_000, 4), layer('h', 400_000, 2), layer('f', 1_500_000, 1)],
      screen: single(2_500_000),
      screen_audio: SCREEN_AUDIO,
    },
  },
  phone: {
    audioSlots: 3,
    videoSlots: 4,
    camera: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 20, max: 25 } },
    layers: {
      microphone: MICROPHONE,
      camera: [layer('q', 120_000, 2), layer('h', 500_000, 1)],
      screen: single(1_500_000),
      screen_audio: SCREEN_AUDIO,
    },
  },
}

/** The order of the sending m-lines is part of the contract with the media worker. */
export const SOURCE_ORDER: readonly Source[] = ['microphone', 'camera', 'screen', 'screen_audio']

export function kindOf(source: Source): 'audio' | 'video' {
  return source === 'microphone' || source === 'screen_audio' ? 'audio' : 'video'
}

function layer(rid: string, maxBitrateBps: number, scaleDownBy: number): Layer {
  return { rid, maxBitrateBps, scaleDownBy }
}

function single(maxBitrateBps: number): Layers {
  return [layer('', maxBitrateBps, 1)]
}
