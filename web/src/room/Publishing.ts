/**
 * The own microphone, camera and screen: wanted state → device, sender, publication, one step after another per source.
 * Must not know the room's other participants. Output by `handleChanged`, never by throwing at a button.
 */
import type { CommandMap, CommandPayload, PublicationInfo, Source } from '../protocol/generated'
import type { LocalMedia } from '../rtc/LocalMedia'
import { MediaAccessError } from '../rtc/mediaAccess'
import { OFF, type LocalSource, type LocalSources } from './view'

type Ask = <N extends keyof CommandMap>(name: N, payload: CommandPayload<N>) => Promise<unknown>

export interface PublishingOptions {
  media: LocalMedia
  setTrack(source: Source, track: MediaStreamTrack | null): Promise<void>
  ask: Ask
  handleChanged(local: LocalSources): void
  handleAccessProblem(error: MediaAccessError): void
  handleRefused(error: unknown): void
}

export interface DeviceWishes {
  microphoneId?: string
  cameraId?: string
  facing?: 'user' | 'environment'
}

export class Publishing {
  private local: LocalSources = { microphone: OFF, camera: OFF, screen: OFF, screen_audio: OFF }
  private readonly turns = new Map<Source, Promise<void>>()
  private wishes: DeviceWishes = {}

  constructor(private readonly options: PublishingOptions) {}

  get sources(): LocalSources {
    return this.local
  }

  setMicrophone(on: boolean): Promise<void> {
    return this.inTurn('microphone', () => (on ? this.unmuteMicrophone() : this.muteMicrophone()))
  }

  setCamera(on: boolean): Promise<void> {
    return this.inTurn('camera', () => (on ? this.startCamera() : this.withdraw('camera')))
  }

  setScreen(on: boolean): Promise<void> {
    return this.inTurn('screen', () => (on ? this.startScreen() : this.stopScreen()))
  }

  /** Other devices from now on; what is live changes over without a new publication. */
  async setDevices(wishes: DeviceWishes): Promise<void> {
    const before = this.wishes
    this.wishes = { ...before, ...wishes }
    if (wishes.microphoneId !== undefined && this.local.microphone.track) {
      await this.inTurn('microphone', () => this.replaceMicrophone())
    }
    const isCameraChanged = wishes.cameraId !== undefined || wishes.facing !== undefined
    if (isCameraChanged && this.local.camera.track) await this.inTurn('camera', () => this.replaceCamera())
  }

  /** A device went away by itself. */
  handleEnded(source: Source): void {
    void this.inTurn(source, () => (source === 'screen' ? this.stopScreen() : this.withdraw(source)))
  }

  /** A snapshot replaced what the server knew of us: tell it again what we send. */
  handleSnapshot(mine: readonly PublicationInfo[]): void {
    for (const source of Object.keys(this.local) as Source[]) {
      const { phase } = this.local[source]
      if (phase !== 'live' && phase !== 'muted') continue
      const known = mine.find((one) => one.source === source)
      if (!known) this.announce(source, phase === 'muted')
      else if (known.muted !== (phase === 'muted')) this.askLater('publication.mute', { source, muted: phase === 'muted' })
    }
  }

  /** The server has ended these already. */
  async handleTaken(sources: readonly Source[]): Promise<void> {
    const open = sources.filter((source) => this.local[source].phase !== 'off')
    await Promise.all(open.map((source) => this.inTurn(source, () => this.withdrawRefused(source))))
  }

  close(): void {
    this.options.media.stopAll()
    this.local = { microphone: OFF, camera: OFF, screen: OFF, screen_audio: OFF }
    this.options.handleChanged(this.local)
  }

  private async unmuteMicrophone(): Promise<void> {
    const { track, phase } = this.local.microphone
    if (phase === 'live') return
    if (!track) return this.startMicrophone()
    track.enabled = true
    this.set('microphone', { phase: 'live', track, problem: null })
    this.askLater('publication.mute', { source: 'microphone', muted: false })
  }

  /** The device stays open: opening it again takes a second and, on phones, a second permission. */
  private async muteMicrophone(): Promise<void> {
    const { track, phase } = this.local.microphone
    if (!track || phase !== 'live') return
    track.enabled = false
    this.set('microphone', { phase: 'muted', track, problem: null })
    this.askLater('publication.mute', { source: 'microphone', muted: true })
  }

  private async startMicrophone(): Promise<void> {
    await this.start('microphone', () => this.options.media.startMicrophone(this.wishes.microphoneId))
  }

  private async startCamera(): Promise<void> {
    if (this.local.camera.phase !== 'off') return
    await this.start('camera', () => this.options.media.startCamera(this.wishes.cameraId, this.wishes.facing))
  }

  private async start(source: 'microphone' | 'camera', capture: () => Promise<MediaStreamTrack>): Promise<void> {
    this.set(source, { phase: 'starting', track: null, problem: null })
    const track = await this.captured(source, capture)
    if (!track) return
    await this.options.setTrack(source, track)
    this.set(source, { phase: 'live', track, problem: null })
    this.announce(source, false)
  }

  private async startScreen(): Promise<void> {
    if (this.local.screen.phase !== 'off') return
    this.set('screen', { phase: 'starting', track: null, problem: null })
    const shared = await this.captured('screen', () => this.options.media.startScreen())
    if (!shared) return
    await this.sendScreen('screen', shared.screen)
    if (shared.sound) await this.sendScreen('screen_audio', shared.sound)
  }

  private async sendScreen(source: 'screen' | 'screen_audio', track: MediaStreamTrack): Promise<void> {
    await this.options.setTrack(source, track)
    this.set(source, { phase: 'live', track, problem: null })
    this.announce(source, false)
  }

  private async stopScreen(): Promise<void> {
    await this.withdraw('screen')
    await this.withdraw('screen_audio')
  }

  private async withdraw(source: Source): Promise<void> {
    if (this.local[source].phase === 'off') return
    this.options.media.stop(source)
    this.set(source, OFF)
    await this.options.setTrack(source, null)
    this.askLater('publication.remove', { source })
  }

  private async replaceMicrophone(): Promise<void> {
    const { phase } = this.local.microphone
    const track = await this.captured('microphone', () => this.options.media.startMicrophone(this.wishes.microphoneId))
    if (!track) return
    track.enabled = phase === 'live'
    await this.options.setTrack('microphone', track)
    this.set('microphone', { phase, track, problem: null })
  }

  private async replaceCamera(): Promise<void> {
    // Phones open one camera at a time.
    this.options.media.stop('camera')
    const track = await this.captured('camera', () => this.options.media.startCamera(this.wishes.cameraId, this.wishes.facing))
    if (!track) return this.askLater('publication.remove', { source: 'camera' })
    await this.options.setTrack('camera', track)
    this.set('camera', { phase: 'live', track, problem: null })
  }

  private async captured<T>(source: 'microphone' | 'camera' | 'screen', capture: () => Promise<T>): Promise<T | null> {
    try {
      return await capture()
    } catch (error) {
      const problem = error instanceof MediaAccessError ? error : new MediaAccessError(source, 'unknown', { cause: error })
      this.set(source, { ...OFF, problem: problem.problem === 'cancelled' ? null : problem })
      if (problem.problem !== 'cancelled') this.options.handleAccessProblem(problem)
      return null
    }
  }

  private announce(source: Source, muted: boolean): void {
    this.options.ask('publication.add', { source, muted }).catch((error: unknown) => {
      this.options.handleRefused(error)
      // What nobody may receive is not captured any longer.
      void this.inTurn(source, () => this.withdrawRefused(source))
    })
  }

  private async withdrawRefused(source: Source): Promise<void> {
    this.options.media.stop(source)
    this.set(source, OFF)
    await this.options.setTrack(source, null)
  }

  private askLater<N extends keyof CommandMap>(name: N, payload: CommandPayload<N>): void {
    this.options.ask(name, payload).catch((error: unknown) => this.options.handleRefused(error))
  }

  private set(source: Source, value: LocalSource): void {
    this.local = { ...this.local, [source]: value }
    this.options.handleChanged(this.local)
  }

  /** Two quick taps are two steps, not a race. */
  private inTurn(source: Source, step: () => Promise<void>): Promise<void> {
    const turn = (this.turns.get(source) ?? Promise.resolve()).then(step).catch((error: unknown) => this.options.handleRefused(error))
    this.turns.set(source, turn)
    return turn
  }
}
