/**
 * One seat in one meeting, from entering to leaving: signaling, media and the room's state brought together into one
 * immutable view. Must not know Vue, routes or texts.
 */
import type { AnyRoomEvent, CommandMap, CommandPayload, RoomJoined, SlotInfo, Source, VolatileEventMap } from '../protocol/generated'
import { AudioOutput } from '../rtc/AudioOutput'
import { LocalMedia } from '../rtc/LocalMedia'
import type { MediaAccessError } from '../rtc/mediaAccess'
import { RtcSession, type MediaState } from '../rtc/RtcSession'
import type { ConnectionFactory } from '../rtc/Transport'
import type { DeviceClass } from '../rtc/profiles'
import { mergeSlots, tracksByPublication } from '../rtc/slots'
import { SignalingClient, type SignalingState, type TicketSource } from '../signaling/SignalingClient'
import { isErrorCode } from '../signaling/refusal'
import { SignalingError } from '../signaling/SignalingError'
import type { SocketOpener } from '../signaling/socket'
import { applyEvent } from './applyEvent'
import { isWorthReporting } from './interruption'
import { noticesOf } from './notices'
import { Publishing, type DeviceWishes } from './Publishing'
import { QualityWatch } from './QualityWatch'
import { EMPTY_VIEW, type LocalSources, type RoomNotice, type RoomView } from './view'
import { WantedView } from './WantedView'

export interface RoomListener {
  handleView(view: RoomView): void
  handleNotice(notice: RoomNotice): void
  /** A step that the room took by itself was refused. */
  handleRefused(error: SignalingError): void
}

export interface RoomOptions {
  device: DeviceClass
  fetchTicket: TicketSource
  listener: RoomListener
  media?: LocalMedia
  openSocket?: SocketOpener
  createConnection?: ConnectionFactory
  now?: () => number
}

const LEAVE_LIMIT_MS = 1500

export class Room {
  private view: RoomView = EMPTY_VIEW
  private slots: SlotInfo[] = []
  private slotTracks: ReadonlyMap<string, MediaStreamTrack> = new Map()
  /** Coming in is not coming back. */
  private wasConnected = false
  private readonly now: () => number
  private readonly signaling: SignalingClient
  private readonly rtc: RtcSession
  private readonly audio: AudioOutput
  private readonly media: LocalMedia
  private readonly publishing: Publishing
  private readonly wanted: WantedView
  private readonly quality: QualityWatch

  constructor(private readonly options: RoomOptions) {
    this.now = options.now ?? (() => Date.now())
    this.signaling = this.createSignaling()
    this.rtc = this.createRtc()
    this.audio = new AudioOutput({ handleAudioBlocked: (audioBlocked) => this.update({ audioBlocked }) })
    this.media = options.media ?? new LocalMedia({ device: options.device, handleEnded: (source) => this.handleSourceEnded(source) })
    this.publishing = this.createPublishing()
    this.wanted = new WantedView({ send: (publicationIds) => this.sendView(publicationIds) })
    this.quality = new QualityWatch({
      connection: () => this.rtc.connection,
      isLost: () => this.view.interruptedSinceMs !== null,
      handleQuality: (quality, stats) => this.update({ quality, stats }),
      now: this.now,
    })
  }

  get currentView(): RoomView {
    return this.view
  }

  /** For measurements only. */
  get connection(): RTCPeerConnection | null {
    return this.rtc.connection
  }

  enter(): void {
    if (this.view.phase !== 'idle') return
    this.update({ phase: 'entering' })
    this.signaling.start()
  }

  /** Acknowledged, or a SignalingError; a lost connection in between is waited for. */
  request<N extends keyof CommandMap>(name: N, payload: CommandPayload<N>, requestId?: string): Promise<CommandMap[N]['answer']> {
    return this.signaling.request(name, payload, requestId)
  }

  async leave(): Promise<void> {
    if (this.view.phase === 'closed') return
    if (this.signaling.currentState === 'connected') {
      const limit = new Promise((resolve) => setTimeout(resolve, LEAVE_LIMIT_MS))
      await Promise.race([this.signaling.request('room.leave', {}).catch(() => null), limit])
    }
    this.signaling.close()
    this.finish({ code: null, reason: 'left' })
  }

  setMicrophone(on: boolean): Promise<void> {
    return this.publishing.setMicrophone(on)
  }

  setCamera(on: boolean): Promise<void> {
    return this.publishing.setCamera(on)
  }

  setScreen(on: boolean): Promise<void> {
    return this.publishing.setScreen(on)
  }

  setDevices(wishes: DeviceWishes): Promise<void> {
    return this.publishing.setDevices(wishes)
  }

  setSpeaker(deviceId: string): Promise<void> {
    return this.audio.setSpeaker(deviceId)
  }

  /** The publications whose pictures are on the page, most important first. */
  setShown(publicationIds: readonly string[]): void {
    this.wanted.set(publicationIds)
  }

  /** From a tap: browsers give sound to those who touched the page. */
  unlockAudio(): Promise<void> {
    return this.audio.play()
  }

  handleNetworkChanged(): void {
    if (this.view.phase === 'closed') return
    this.signaling.handleNetworkChanged()
    this.rtc.handleNetworkChanged()
  }

  private createSignaling(): SignalingClient {
    return new SignalingClient({
      device: this.options.device,
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
      listener: {
        handleMediaState: (state) => this.handleMediaState(state),
        handleSlots: (slots, tracks) => this.handleSlots(slots, tracks),
        handleAudioTracks: (tracks) => this.audio.setTracks(tracks),
        handleOfferRefused: (error) => this.update({ mediaProblem: asSignalingError(error).code }),
      },
    })
  }

  private createPublishing(): Publishing {
    return new Publishing({
      media: this.media,
      setTrack: (source, track) => this.rtc.setTrack(source, track),
      ask: (name, payload) => this.signaling.request(name, payload),
      handleChanged: (local) => this.handleLocalChanged(local),
      handleAccessProblem: (error: MediaAccessError) => this.notify({ kind: 'access_problem', error }),
      handleRefused: (error) => this.handleRefused(error),
    })
  }

  private async exchange(sdp: string): Promise<CommandMap['transport.offer']['answer']> {
    try {
      const answered = await this.signaling.request('transport.offer', { sdp })
      this.update({ mediaProblem: null })
      return answered
    } catch (error) {
      this.update({ mediaProblem: asSignalingError(error).code })
      throw error
    }
  }

  private async sendView(publicationIds: string[]): Promise<void> {
    const answer = await this.signaling.request('view.set', { pictures: publicationIds.map((publication_id) => ({ publication_id })) })
    this.handleSlots(answer.slots)
  }

  private handleSignalingState(state: SignalingState, error: SignalingError | null): void {
    this.update({ signaling: state })
    if (state === 'closed' && this.view.phase !== 'closed') {
      this.finish({ code: error?.code ?? null, reason: error?.message ?? 'left' })
      return
    }
    if (state === 'connected') this.rtc.handleSignalingReady()
    this.followInterruption()
  }

  private handleJoined(joined: RoomJoined): void {
    const seat = { participantId: joined.participant_id, grants: joined.grants }
    this.update({ phase: 'joined', seat, clockOffsetMs: joined.server_ms - this.now() })
    if (joined.snapshot) {
      const snapshot = joined.snapshot
      this.update({ snapshot, speakers: snapshot.speakers })
      this.publishing.handleSnapshot(snapshot.publications.filter((one) => one.participant_id === seat.participantId))
      this.wanted.repeat()
    }
    this.rtc.open()
    this.quality.start()
  }

  private handleRoomEvent(event: AnyRoomEvent): void {
    const before = this.view.snapshot
    if (!before) return
    this.update({ snapshot: applyEvent(before, event) })
    const myId = this.view.seat?.participantId ?? ''
    for (const notice of noticesOf(event, before, myId)) this.notify(notice)
  }

  private handleVolatileEvent<N extends keyof VolatileEventMap>(name: N, payload: VolatileEventMap[N]): void {
    if (name === 'speakers.changed') {
      this.update({ speakers: (payload as VolatileEventMap['speakers.changed']).participant_ids })
    } else if (name === 'slots.changed') {
      this.handleSlots((payload as VolatileEventMap['slots.changed']).slots)
    } else if (name === 'media.moved') {
      this.rtc.handleMediaMoved()
    } else if (name === 'mute.requested') {
      void this.obeyMute((payload as VolatileEventMap['mute.requested']).source)
    } else if (name === 'codec.requested') {
      const wanted = payload as VolatileEventMap['codec.requested']
      void this.rtc.setCodec(wanted.source, wanted.codec)
    }
  }

  private async obeyMute(source: Source): Promise<void> {
    if (this.view.local[source].phase !== 'live') return
    this.notify({ kind: 'muted_by_host', source })
    if (source === 'microphone') await this.publishing.setMicrophone(false)
    else if (source === 'camera') await this.publishing.setCamera(false)
    else await this.publishing.setScreen(false)
  }

  private handleMediaState(media: MediaState): void {
    this.update({ media })
    this.followInterruption()
  }

  private handleSlots(slots: readonly SlotInfo[], tracks?: ReadonlyMap<string, MediaStreamTrack>): void {
    this.slots = tracks ? [...slots] : mergeSlots(this.slots, slots)
    if (tracks) {
      this.slotTracks = tracks
      // A new connection, or a new media worker, may not know what we look at.
      this.wanted.repeat()
    }
    this.updateTracks()
  }

  private handleLocalChanged(local: LocalSources): void {
    this.update({ local })
    this.updateTracks()
  }

  private updateTracks(): void {
    const tracks = tracksByPublication(this.slots, this.slotTracks)
    const myId = this.view.seat?.participantId
    for (const source of ['camera', 'screen'] as const) {
      const track = this.view.local[source].track
      if (myId && track) tracks.set(`${myId}:${source}`, track)
    }
    this.update({ videoTracks: tracks })
  }

  private handleSourceEnded(source: Source): void {
    this.publishing.handleEnded(source)
    if (source === 'microphone' || source === 'camera') this.notify({ kind: 'source_lost', source })
  }

  private handleRefused(error: unknown): void {
    if (this.view.phase !== 'closed') this.options.listener.handleRefused(asSignalingError(error))
  }

  private followInterruption(): void {
    if (this.view.phase !== 'joined') return
    // Refused media is not an interruption: it will not come back, and commands work.
    const isBroken = this.view.signaling !== 'connected' || !['connected', 'refused'].includes(this.view.media)
    const sinceMs = this.view.interruptedSinceMs
    if (isBroken && sinceMs === null) this.update({ interruptedSinceMs: this.now() })
    if (isBroken) return
    const isBack = this.wasConnected
    this.wasConnected = true
    if (sinceMs === null) return
    this.update({ interruptedSinceMs: null })
    const awayMs = this.now() - sinceMs
    if (isBack && isWorthReporting(awayMs)) this.notify({ kind: 'recovered', awayMs })
  }

  private finish(closing: NonNullable<RoomView['closing']>): void {
    this.update({ phase: 'closed', closing, interruptedSinceMs: null })
    this.wanted.close()
    this.quality.close()
    this.publishing.close()
    this.rtc.close()
    this.audio.close()
  }

  private notify(notice: RoomNotice): void {
    if (this.view.phase !== 'closed') this.options.listener.handleNotice(notice)
  }

  private update(change: Partial<RoomView>): void {
    this.view = { ...this.view, ...change }
    this.options.listener.handleView(this.view)
  }
}

function asSignalingError(error: unknown): SignalingError {
  if (error instanceof SignalingError) return error
  const code = (error as { code?: string } | null)?.code ?? null
  return isErrorCode(code) ? new SignalingError(code) : new SignalingError('internal_error', { message: String(error) })
}
