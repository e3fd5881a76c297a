/**
 * What this seat sends, as far as not only the person has a say in it: there is no way for it yet or any more, the host
 * takes rights and mutes, a chosen rung leaves things out, a device goes away. Must not know how a source is opened
 * (Publishing).
 */
import type { PublicationInfo, QualityLevel, RoomGrants, Source } from '../protocol/generated'
import { LocalMedia } from '../rtc/LocalMedia'
import type { DeviceClass } from '../rtc/profiles'
import { HeldSources, type HeldSource } from './HeldSources'
import { mayPublish, sourcesToStop } from './ladder'
import { Publishing, type DeviceWishes, type PublishingOptions } from './Publishing'
import type { RoomState } from './RoomState'
import type { RestingSources, ReturnedSources } from './view'

export interface OwnSourcesOptions {
  state: RoomState
  device: DeviceClass
  media?: LocalMedia
  setTrack: PublishingOptions['setTrack']
  ask: PublishingOptions['ask']
  /** Own pictures are among those that are shown. */
  handleTracks(): void
  now(): number
}

const ASKED: readonly Source[] = ['microphone', 'camera', 'screen']
const HELD: readonly HeldSource[] = ['microphone', 'camera']

export class OwnSources {
  private readonly publishing: Publishing
  private readonly state: RoomState
  private readonly held: HeldSources

  constructor(options: OwnSourcesOptions) {
    const { state } = options
    this.state = state
    this.held = new HeldSources(options.now)
    this.publishing = new Publishing({
      media: options.media ?? new LocalMedia({ device: options.device, handleEnded: (source) => this.handleEnded(source) }),
      setTrack: options.setTrack,
      ask: options.ask,
      handleChanged: (local) => {
        state.update({ local })
        options.handleTracks()
      },
      handleAccessProblem: (error) => state.notify({ kind: 'access_problem', error }),
      handleRefused: (error) => state.refused(error),
    })
  }

  setMicrophone(on: boolean): Promise<void> {
    this.held.drop('microphone')
    return this.publishing.setMicrophone(on)
  }

  setCamera(on: boolean): Promise<void> {
    this.held.drop('camera')
    return this.publishing.setCamera(on)
  }

  setScreen(on: boolean): Promise<void> {
    return this.publishing.setScreen(on)
  }

  setDevices(wishes: DeviceWishes): Promise<void> {
    return this.publishing.setDevices(wishes)
  }

  /** Now, or as soon as there is a way for it. */
  sendWhenPossible(sources: readonly HeldSource[]): void {
    this.held.hold(sources)
    if (this.state.view.media === 'connected') this.handleWayOpen()
  }

  /** Media is connected: what waited for it is sent. */
  handleWayOpen(): ReturnedSources {
    if (!this.held.has()) return 'none'
    const { seat } = this.state.view
    const taken = this.held.take()
    const allowed = taken.filter((source) => seat && mayPublish(seat.grants, source))
    if (allowed.includes('microphone')) void this.setMicrophone(true)
    if (allowed.includes('camera')) void this.setCamera(true)
    if (taken.length === 0) return 'stopped'
    return allowed.length > 0 ? 'resumed' : 'none'
  }

  /**
   * The broadcast has taken over: voice and face would be shown as open and reach nobody. A shared screen stays: all see
   * that it stands still, and it could not be taken up again without asking.
   */
  rest(): RestingSources {
    const { local } = this.state.view
    this.held.hold(HELD.filter((source) => local[source].phase === 'live' || local[source].phase === 'starting'))
    void this.publishing.setMicrophone(false)
    void this.publishing.setCamera(false)
    return this.held.has() ? 'resting' : 'none'
  }

  /** Who chose less does not want to send it either. */
  handleChosenLevel(chosen: QualityLevel | null): void {
    for (const source of sourcesToStop(chosen)) {
      this.held.drop(source)
      void this.stop(source)
    }
  }

  handleSnapshot(publications: readonly PublicationInfo[]): void {
    this.publishing.handleSnapshot(publications.filter((one) => one.participant_id === this.state.myId))
  }

  handleGrants(grants: RoomGrants): void {
    const { seat } = this.state.view
    if (!seat) return
    const taken = ASKED.filter((source) => mayPublish(seat.grants, source) && !mayPublish(grants, source))
    const given = ASKED.filter((source) => !mayPublish(seat.grants, source) && mayPublish(grants, source))
    this.state.update({ seat: { ...seat, grants } })
    void this.publishing.handleTaken(taken.includes('screen') ? [...taken, 'screen_audio'] : taken)
    if (taken.length + given.length > 0) this.state.notify({ kind: 'grants', taken, given })
  }

  async obeyMute(source: Source): Promise<void> {
    this.held.drop(source)
    if (!this.isLive(source)) return
    this.state.notify({ kind: 'muted_by_host', source })
    await this.stop(source)
  }

  close(): void {
    this.publishing.close()
  }

  private async stop(source: Source): Promise<void> {
    if (!this.isLive(source)) return
    if (source === 'microphone') await this.setMicrophone(false)
    else if (source === 'camera') await this.setCamera(false)
    else await this.setScreen(false)
  }

  private isLive(source: Source): boolean {
    return this.state.view.local[source].phase === 'live'
  }

  private handleEnded(source: Source): void {
    this.publishing.handleEnded(source)
    if (source === 'microphone' || source === 'camera') this.state.notify({ kind: 'source_lost', source })
  }
}
