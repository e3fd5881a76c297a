/**
 * Captures microphone, camera and screen and says when one of them ends by itself (unplugged, taken by a call, sharing
 * stopped in the browser's bar). Must not know where the tracks go.
 */
import type { Source } from '../protocol/generated'
import { accessProblem, MediaAccessError, type CaptureKind } from './mediaAccess'
import { PROFILES, type DeviceClass } from './profiles'

export interface LocalMediaOptions {
  device: DeviceClass
  handleEnded(source: Source): void
  /** `navigator.mediaDevices`; undefined on plain http. */
  mediaDevices?: MediaDevices | undefined
}

/** Screen text must stay sharp and may stutter; what is shared with its sound is taken for a film. */
const TEXT_FRAME_RATE = 10
const FILM_FRAME_RATE = 25

export class LocalMedia {
  private readonly tracks = new Map<Source, MediaStreamTrack>()

  constructor(private readonly options: LocalMediaOptions) {}

  track(source: Source): MediaStreamTrack | null {
    return this.tracks.get(source) ?? null
  }

  async startMicrophone(deviceId?: string): Promise<MediaStreamTrack> {
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...exactDevice(deviceId) }
    return this.startUserMedia('microphone', { audio })
  }

  async startCamera(deviceId?: string, facing?: 'user' | 'environment'): Promise<MediaStreamTrack> {
    const chosen = facing ? { facingMode: facing } : exactDevice(deviceId)
    return this.startUserMedia('camera', { video: { ...PROFILES[this.options.device].camera, ...chosen } })
  }

  /** The chosen window or screen, and its sound where the browser can give it. */
  async startScreen(): Promise<{ screen: MediaStreamTrack; sound: MediaStreamTrack | null }> {
    const stream = await this.capture('screen', (devices) =>
      devices.getDisplayMedia({ video: { frameRate: { max: FILM_FRAME_RATE } }, audio: true }),
    )
    const screen = stream.getVideoTracks()[0]
    if (!screen) throw new MediaAccessError('screen', 'none_found')
    const sound = stream.getAudioTracks()[0] ?? null
    screen.contentHint = sound ? 'motion' : 'detail'
    if (!sound) await screen.applyConstraints({ frameRate: { max: TEXT_FRAME_RATE } }).catch(() => undefined)
    this.keep('screen', screen)
    if (sound) this.keep('screen_audio', sound)
    return { screen, sound }
  }

  stop(source: Source): void {
    const track = this.tracks.get(source)
    this.tracks.delete(source)
    track?.stop()
  }

  stopAll(): void {
    for (const source of [...this.tracks.keys()]) this.stop(source)
  }

  private async startUserMedia(source: 'microphone' | 'camera', wanted: MediaStreamConstraints): Promise<MediaStreamTrack> {
    const stream = await this.capture(source, (devices) => devices.getUserMedia(wanted))
    const track = stream.getTracks()[0]
    if (!track) throw new MediaAccessError(source, 'none_found')
    this.keep(source, track)
    return track
  }

  private async capture(kind: CaptureKind, ask: (devices: MediaDevices) => Promise<MediaStream>): Promise<MediaStream> {
    const devices = this.options.mediaDevices ?? globalThis.navigator.mediaDevices
    // Browsers hide the whole object from pages that are not secure contexts.
    if (!devices) throw new MediaAccessError(kind, globalThis.isSecureContext ? 'unsupported' : 'insecure')
    if (kind === 'screen' && !devices.getDisplayMedia) throw new MediaAccessError(kind, 'unsupported')
    try {
      return await ask(devices)
    } catch (error) {
      throw new MediaAccessError(kind, accessProblem(kind, error), { cause: error })
    }
  }

  private keep(source: Source, track: MediaStreamTrack): void {
    this.stop(source)
    this.tracks.set(source, track)
    // `ended` is not fired for our own stop(): what arrives here was done by somebody else.
    track.addEventListener('ended', () => {
      if (this.tracks.get(source) !== track) return
      this.tracks.delete(source)
      this.options.handleEnded(source)
    })
  }
}

function exactDevice(deviceId: string | undefined): MediaTrackConstraints {
  return deviceId ? { deviceId: { exact: deviceId } } : {}
}
