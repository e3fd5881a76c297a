/**
 * One seat in one meeting, from entering to leaving: brings signaling, media and the parts that each answer one question
 * of the room together (Watching, OwnSources, Rung, WayIn). Must not know Vue, routes or texts.
 */
import type { AnyRoomEvent, BroadcastInfo, CommandMap, CommandPayload, QualityLevel, RoomJoined, VolatileEventMap, WantedPicture } from '../protocol/generated'
import { AudioOutput } from '../rtc/AudioOutput'
import type { LocalMedia } from '../rtc/LocalMedia'
import type { DeviceClass } from '../rtc/profiles'
import { RtcSession, type MediaState } from '../rtc/RtcSession'
import type { ConnectionFactory } from '../rtc/Transport'
import { asSignalingError } from '../signaling/refusal'
import { SignalingClient, type SignalingState, type TicketSource } from '../signaling/SignalingClient'
import type { SignalingError } from '../signaling/SignalingError'
import type { SocketOpener } from '../signaling/socket'
import { applyEvent } from './applyEvent'
import type { HeldSource } from './HeldSources'
import { carries } from './ladder'
import { noticesOf } from './notices'
import { OwnSources } from './OwnSources'
import type { DeviceWishes } from './Publishing'
import { QualityWatch } from './QualityWatch'
import { RoomState, type RoomListener } from './RoomState'
import { Rung } from './Rung'
import type { RoomView } from './view'
import { Watching } from './Watching'
import { WayIn } from './WayIn'

export interface RoomOptions {
  device: DeviceClass
  /** As a second device that only watches. */
  companion?: boolean
  fetchTicket: TicketSource
  fetchBroadcast: () => Promise<BroadcastInfo>
  listener: RoomListener
  media?: LocalMedia
  openSocket?: SocketOpener
  createConnection?: ConnectionFactory
  now?: () => number
}

const LEAVE_LIMIT_MS = 1500

type VolatileHandlers = { readonly [N in keyof VolatileEventMap]?: (payload: VolatileEventMap[N]) => void }

export class Room {
  private readonly now: () => number
  private readonly state: RoomState
  private readonly signaling: SignalingClient
  private readonly rtc: RtcSession
  private readonly audio: AudioOutput
  private readonly own: OwnSources
  private readonly watching: Watching
  private readonly rung: Rung
  private readonly wayIn: WayIn
  private readonly quality: QualityWatch
  private readonly volatile: VolatileHandlers = {
    'speakers.changed': ({ participant_ids }) => this.state.update({ speakers: participant_ids }),
    'slots.changed': ({ slots }) => this.watching.handleSlots(slots),
    'layers.requested': ({ source, rids }) => void this.rtc.setLayers(source, rids),
    'codec.requested': ({ source, codec }) => void this.rtc.setCodec(source, codec),
    'media.moved': () => this.rtc.handleMediaMoved(),
    'mute.requested': ({ source }) => void this.own.obeyMute(source),
    'grants.changed': ({ grants }) => this.own.handleGrants(grants),
  }

  constructor(private readonly options: RoomOptions) {
    this.now = options.now ?? (() => Date.now())
    const state = new RoomState(options.listener)
    this.state = state
    this.signaling = this.createSignaling()
    this.rtc = this.createRtc()
    this.audio = new AudioOutput({ handleAudioBlocked: (audioBlocked) => state.update({ audioBlocked }) })
    this.own = this.createOwnSources()
    this.watching = new Watching({ state, ask: (pictures) => this.request('view.set', { pictures }) })
    this.rung = new Rung({ state, ask: (level) => this.request('quality.choose', { level }) })
    this.wayIn = new WayIn({ state, fetchBroadcast: options.fetchBroadcast, handleOnAir: (on) => this.handleOnAir(on), now: this.now })
    this.quality = new QualityWatch({
      connection: () => this.rtc.connection,
      isLost: () => state.view.interruptedSinceMs !== null,
      handleQuality: (quality, stats) => state.update({ quality, stats }),
      now: this.now,
    })
  }

  get currentView(): RoomView {
    return this.state.view
  }

  /** For measurements only. */
  get connection(): RTCPeerConnection | null {
    return this.rtc.connection
  }

  enter(): void {
    if (this.state.view.phase !== 'idle') return
    this.state.update({ phase: 'entering' })
    this.signaling.start()
  }

  /** Acknowledged, or a SignalingError; a lost connection in between is waited for. */
  request<N extends keyof CommandMap>(name: N, payload: CommandPayload<N>, requestId?: string): Promise<CommandMap[N]['answer']> {
    return this.signaling.request(name, payload, requestId)
  }

  async leave(): Promise<void> {
    if (this.state.view.phase === 'closed') return
    if (this.signaling.currentState === 'connected') {
      const limit = new Promise((resolve) => setTimeout(resolve, LEAVE_LIMIT_MS))
      await Promise.race([this.signaling.request('room.leave', {}).catch(() => null), limit])
    }
    this.signaling.close()
    this.finish({ code: null, reason: 'left' })
  }

  /** Microphone and camera as wished at the door: now, or as soon as anybody could hear and see them. */
  sendWhenPossible(sources: readonly HeldSource[]): void {
    this.own.sendWhenPossible(sources)
  }

  setMicrophone(on: boolean): Promise<void> {
    return this.own.setMicrophone(on)
  }

  setCamera(on: boolean): Promise<void> {
    return this.own.setCamera(on)
  }

  setScreen(on: boolean): Promise<void> {
    return this.own.setScreen(on)
  }

  setDevices(wishes: DeviceWishes): Promise<void> {
    return this.own.setDevices(wishes)
  }

  setSpeaker(deviceId: string): Promise<void> {
    return this.audio.setSpeaker(deviceId)
  }

  /** The pictures that are on the page and their heights, the stage first. */
  setShown(pictures: readonly WantedPicture[]): void {
    this.watching.setShown(pictures)
  }

  /** The page is in another tab, or the screen is locked. Sound goes on. */
  setHidden(hidden: boolean): void {
    this.watching.setHidden(hidden)
  }

  /** The most that is wanted of the ladder; null: as much as fits. Holds in this room until it is chosen anew. */
  chooseLevel(chosen: QualityLevel | null): void {
    this.rung.choose(chosen)
    // What the network forces the server does not send; only a choice has to be kept here.
    this.audio.setSilent(!carries(chosen ?? 'full', 'sound'))
    this.watching.followLevel()
    this.own.handleChosenLevel(chosen)
  }

  /** From a tap: browsers give sound to those who touched the page. */
  unlockAudio(): Promise<void> {
    return this.audio.play()
  }

  handleNetworkChanged(): void {
    if (this.state.view.phase === 'closed') return
    this.signaling.handleNetworkChanged()
    this.rtc.handleNetworkChanged()
  }

  private createSignaling(): SignalingClient {
    return new SignalingClient({
      device: this.options.device,
      companion: this.options.companion,
      fetchTicket: this.options.fetchTicket,
      openSocket: this.options.openSocket,
      now: this.options.now,
      listener: {
        handleSignalingState: (state, error) => this.handleSignalingState(state, error),
        handleJoined: (joined) => this.handleJoined(joined),
        handleRoomEvent: (event) => this.handleRoomEvent(event),
        handleVolatileEvent: (name, payload) => this.handleVolatileEvent(name, payload),
      },
    })
  }

  private createRtc(): RtcSession {
    return new RtcSession({
      device: this.options.device,
      createConnection: this.options.createConnection,
      exchange: (sdp) => this.exchange(sdp),
      fetchIceServers: () => this.signaling.request('ice.servers', {}),
      now: this.now,
      listener: {
        handleMediaState: (state) => this.handleMediaState(state),
        handleSlots: (slots, tracks) => this.watching.handleSlots(slots, tracks),
        handleAudioTracks: (tracks) => this.audio.setTracks(tracks),
        handleOfferRefused: (error) => this.state.update({ mediaProblem: asSignalingError(error).code }),
      },
    })
  }

  private createOwnSources(): OwnSources {
    return new OwnSources({
      state: this.state,
      device: this.options.device,
      media: this.options.media,
      setTrack: (source, track) => this.rtc.setTrack(source, track),
      ask: (name, payload) => this.signaling.request(name, payload),
      handleTracks: () => this.watching.showTracks(),
      now: this.now,
    })
  }

  private async exchange(sdp: string): Promise<CommandMap['transport.offer']['answer']> {
    try {
      const answered = await this.signaling.request('transport.offer', { sdp })
      this.state.update({ mediaProblem: null })
      return answered
    } catch (error) {
      this.state.update({ mediaProblem: asSignalingError(error).code })
      throw error
    }
  }

  private handleSignalingState(signaling: SignalingState, error: SignalingError | null): void {
    this.state.update({ signaling })
    if (signaling === 'closed' && this.state.view.phase !== 'closed') {
      this.finish({ code: error?.code ?? null, reason: error?.message ?? 'left' })
      return
    }
    if (signaling === 'connected') this.rtc.handleSignalingReady()
    this.wayIn.follow()
  }

  private handleJoined(joined: RoomJoined): void {
    const seat = { participantId: joined.participant_id, grants: joined.grants, companion: joined.companion }
    this.state.update({ phase: 'joined', seat, clockOffsetMs: joined.server_ms - this.now() })
    if (joined.snapshot) {
      this.state.update({ snapshot: joined.snapshot, speakers: joined.snapshot.speakers })
      this.sayAgain()
      this.rung.follow()
    }
    this.rtc.open()
    this.quality.start()
  }

  /** What the server and its media worker do not know of this seat, or do not know any more. */
  private sayAgain(): void {
    this.own.handleSnapshot(this.state.view.snapshot?.publications ?? [])
    this.watching.repeat()
    this.rung.handleNewSeat()
  }

  private handleRoomEvent(event: AnyRoomEvent): void {
    const before = this.state.view.snapshot
    if (!before) return
    this.state.update({ snapshot: applyEvent(before, event) })
    const { myId } = this.state
    for (const notice of noticesOf(event, before, myId)) this.state.notify(notice)
    const wasAway = !before.participants.some((one) => one.participant_id === myId)
    if (event.type === 'participant.joined' && event.participant.participant_id === myId && wasAway) this.handleSeatRegained()
    if (event.type === 'participant.changed' && event.participant.participant_id === myId) this.rung.follow()
  }

  /** The seat was given up and taken again: what we send is forgotten, and the media worker's end of the connection gone. */
  private handleSeatRegained(): void {
    this.sayAgain()
    this.rtc.handleMediaMoved()
  }

  private handleVolatileEvent<N extends keyof VolatileEventMap>(name: N, payload: VolatileEventMap[N]): void {
    this.volatile[name]?.(payload)
  }

  private handleMediaState(media: MediaState): void {
    this.state.update({ media })
    if (media === 'connected') this.rung.handleMediaConnected()
    this.wayIn.follow()
    if (media === 'connected') this.handleWayOpen(false)
  }

  private handleOnAir(on: boolean): void {
    if (on) this.handleBroadcastBegun()
    else if (this.state.view.media === 'connected') this.handleWayOpen(true)
    // As long as something is to be seen, the way back is looked for without haste.
    this.rtc.setPatience(on)
  }

  private handleBroadcastBegun(): void {
    const sources = this.own.rest()
    // Refused media does not come back, so nothing waits for it.
    this.state.notify({ kind: 'broadcast', on: true, sources: this.state.view.media === 'refused' ? 'none' : sources })
  }

  private handleWayOpen(wasOnAir: boolean): void {
    const sources = this.own.handleWayOpen()
    if (wasOnAir || sources === 'stopped') this.state.notify({ kind: 'broadcast', on: false, sources })
  }

  private finish(closing: NonNullable<RoomView['closing']>): void {
    this.state.update({ phase: 'closed', closing, interruptedSinceMs: null })
    this.watching.close()
    this.wayIn.close()
    this.quality.close()
    this.own.close()
    this.rtc.close()
    this.audio.close()
  }
}
