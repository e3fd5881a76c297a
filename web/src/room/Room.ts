/**
 * One seat in one meeting, from entering to leaving: signaling, media and the room's state brought together into one
 * immutable view. Must not know Vue, routes or texts.
 */
import type { AnyRoomEvent, BroadcastInfo, CommandMap, CommandPayload, QualityLevel, RoomGrants, RoomJoined, SlotInfo, Source, VolatileEventMap, WantedPicture } from '../protocol/generated'
import { AudioOutput } from '../rtc/AudioOutput'
import { LocalMedia } from '../rtc/LocalMedia'
import type { MediaAccessError } from '../rtc/mediaAccess'
import { RtcSession, type MediaState } from '../rtc/RtcSession'
import type { ConnectionFactory } from '../rtc/Transport'
import type { DeviceClass } from '../rtc/profiles'
import { SignalingClient, type SignalingState, type TicketSource } from '../signaling/SignalingClient'
import { isErrorCode } from '../signaling/refusal'
import { SignalingError } from '../signaling/SignalingError'
import type { SocketOpener } from '../signaling/socket'
import { applyEvent } from './applyEvent'
import { Broadcast, type BroadcastView, type MediaWay } from './Broadcast'
import { isWorthReporting } from './interruption'
import { carries, LevelReport, lowerOf, mayPublish, sourcesToStop } from './ladder'
import { noticesOf } from './notices'
import { picturesAt } from './pictures'
import { Publishing, type DeviceWishes } from './Publishing'
import { QualityWatch } from './QualityWatch'
import { SlotPictures } from './SlotPictures'
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

/** Looking away for a moment is not leaving: after this long in another tab no pictures are sent here. */
const UNSEEN_AFTER_MS = 3000

type VolatileHandlers = { readonly [N in keyof VolatileEventMap]?: (payload: VolatileEventMap[N]) => void }

export class Room {
  private view: RoomView = EMPTY_VIEW
  private shown: readonly WantedPicture[] = []
  /** The choice has not been taken by a media worker yet; asked here are fewer pictures all the same. */
  private isLevelUntold = false
  private unseenTimer: ReturnType<typeof setTimeout> | null = null
  /** Coming in is not coming back. */
  private wasConnected = false
  private readonly now: () => number
  private readonly signaling: SignalingClient
  private readonly rtc: RtcSession
  private readonly audio: AudioOutput
  private readonly media: LocalMedia
  private readonly publishing: Publishing
  private readonly slots = new SlotPictures()
  private readonly wanted: WantedView
  private readonly quality: QualityWatch
  private readonly levels = new LevelReport()
  private readonly broadcast: Broadcast
  private readonly volatile: VolatileHandlers = {
    'speakers.changed': ({ participant_ids }) => this.update({ speakers: participant_ids }),
    'slots.changed': ({ slots }) => this.handleSlots(slots),
    'layers.requested': ({ source, rids }) => void this.rtc.setLayers(source, rids),
    'codec.requested': ({ source, codec }) => void this.rtc.setCodec(source, codec),
    'media.moved': () => this.rtc.handleMediaMoved(),
    'mute.requested': ({ source }) => void this.obeyMute(source),
    'grants.changed': ({ grants }) => this.handleGrants(grants),
  }

  constructor(private readonly options: RoomOptions) {
    this.now = options.now ?? (() => Date.now())
    this.signaling = this.createSignaling()
    this.rtc = this.createRtc()
    this.audio = new AudioOutput({ handleAudioBlocked: (audioBlocked) => this.update({ audioBlocked }) })
    this.media = options.media ?? new LocalMedia({ device: options.device, handleEnded: (source) => this.handleSourceEnded(source) })
    this.publishing = this.createPublishing()
    this.wanted = new WantedView({ send: (pictures) => this.sendView(pictures) })
    this.quality = new QualityWatch({
      connection: () => this.rtc.connection,
      isLost: () => this.view.interruptedSinceMs !== null,
      handleQuality: (quality, stats) => this.update({ quality, stats }),
      now: this.now,
    })
    this.broadcast = new Broadcast({ fetch: options.fetchBroadcast, handleChanged: (broadcast) => this.handleBroadcast(broadcast) })
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

  /** The pictures that are on the page and their heights, the stage first. */
  setShown(pictures: readonly WantedPicture[]): void {
    this.shown = pictures
    this.wanted.set(picturesAt(this.view.chosenLevel ?? 'full', pictures))
  }

  /** The page is in another tab, or the screen is locked. Sound goes on. */
  setHidden(hidden: boolean): void {
    if (this.unseenTimer) clearTimeout(this.unseenTimer)
    this.unseenTimer = hidden ? setTimeout(() => this.wanted.setUnseen(true), UNSEEN_AFTER_MS) : null
    if (!hidden) this.wanted.setUnseen(false)
  }

  /** The most that is wanted of the ladder; null: as much as fits. Holds in this room until it is chosen anew. */
  chooseLevel(chosen: QualityLevel | null): void {
    this.update({ chosenLevel: chosen })
    this.applyLevel()
    this.setShown(this.shown)
    for (const source of sourcesToStop(chosen)) void this.stopSource(source)
    if (this.view.phase === 'joined') this.tellChosenLevel()
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

  private async sendView(pictures: WantedPicture[]): Promise<void> {
    const answer = await this.signaling.request('view.set', { pictures })
    this.handleSlots(answer.slots)
  }

  private tellChosenLevel(): void {
    this.isLevelUntold = false
    this.signaling.request('quality.choose', { level: this.view.chosenLevel }).catch((error: unknown) => {
      if (asSignalingError(error).code === 'media_unavailable') this.isLevelUntold = true
      else this.handleRefused(error)
    })
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
    const seat = { participantId: joined.participant_id, grants: joined.grants, companion: joined.companion }
    this.update({ phase: 'joined', seat, clockOffsetMs: joined.server_ms - this.now() })
    if (joined.snapshot) {
      const snapshot = joined.snapshot
      this.update({ snapshot, speakers: snapshot.speakers })
      this.publishing.handleSnapshot(snapshot.publications.filter((one) => one.participant_id === seat.participantId))
      this.wanted.repeat()
      if (this.view.chosenLevel !== null) this.tellChosenLevel()
      this.followLevel()
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
    const wasAway = !before.participants.some((one) => one.participant_id === myId)
    if (event.type === 'participant.joined' && event.participant.participant_id === myId && wasAway) this.handleSeatRegained(myId)
    if (event.type === 'participant.changed' && event.participant.participant_id === myId) this.followLevel()
  }

  /** The seat was given up and taken again: what we send is forgotten, and the media worker's end of the connection gone. */
  private handleSeatRegained(myId: string): void {
    const mine = this.view.snapshot?.publications.filter((one) => one.participant_id === myId) ?? []
    this.publishing.handleSnapshot(mine)
    this.wanted.repeat()
    if (this.view.chosenLevel !== null) this.tellChosenLevel()
    this.rtc.handleMediaMoved()
  }

  private followLevel(): void {
    const news = this.levels.handleLevel(this.applyLevel(), this.view.chosenLevel)
    if (news) this.notify({ kind: 'level', ...news })
  }

  /** Chosen, or less than that because the network carries no more. Returns the server's part of it. */
  private applyLevel(): QualityLevel {
    const { snapshot, seat, chosenLevel } = this.view
    const served = snapshot?.participants.find((one) => one.participant_id === seat?.participantId)?.quality ?? 'full'
    const level = lowerOf(served, chosenLevel ?? 'full')
    // What the network forces the server does not send; only a choice has to be kept here.
    this.audio.setSilent(!carries(chosenLevel ?? 'full', 'sound'))
    if (level !== this.view.level) this.update({ level })
    return served
  }

  private handleVolatileEvent<N extends keyof VolatileEventMap>(name: N, payload: VolatileEventMap[N]): void {
    this.volatile[name]?.(payload)
  }

  private handleGrants(grants: RoomGrants): void {
    const seat = this.view.seat
    if (!seat) return
    const sources: readonly Source[] = ['microphone', 'camera', 'screen']
    const taken = sources.filter((source) => mayPublish(seat.grants, source) && !mayPublish(grants, source))
    const given = sources.filter((source) => !mayPublish(seat.grants, source) && mayPublish(grants, source))
    this.update({ seat: { ...seat, grants } })
    void this.publishing.handleTaken(taken.includes('screen') ? [...taken, 'screen_audio'] : taken)
    if (taken.length + given.length > 0) this.notify({ kind: 'grants', taken, given })
  }

  private async obeyMute(source: Source): Promise<void> {
    if (this.view.local[source].phase !== 'live') return
    this.notify({ kind: 'muted_by_host', source })
    await this.stopSource(source)
  }

  private async stopSource(source: Source): Promise<void> {
    if (this.view.local[source].phase !== 'live') return
    if (source === 'microphone') await this.publishing.setMicrophone(false)
    else if (source === 'camera') await this.publishing.setCamera(false)
    else await this.publishing.setScreen(false)
  }

  private handleMediaState(media: MediaState): void {
    this.update({ media })
    if (media === 'connected' && this.isLevelUntold) this.tellChosenLevel()
    this.followInterruption()
  }

  private handleSlots(slots: readonly SlotInfo[], tracks?: ReadonlyMap<string, MediaStreamTrack>): void {
    this.slots.handleSlots(slots, tracks)
    // A new connection, or a new media worker, may not know what we look at.
    if (tracks) this.wanted.repeat()
    this.updateTracks()
  }

  private handleLocalChanged(local: LocalSources): void {
    this.update({ local })
    this.updateTracks()
  }

  private updateTracks(): void {
    const tracks = this.slots.tracks()
    const myId = this.view.seat?.participantId
    for (const source of ['camera', 'screen'] as const) {
      const track = this.view.local[source].track
      if (myId && track) tracks.set(`${myId}:${source}`, track)
    }
    this.update({ videoTracks: tracks, pausedIds: this.slots.paused() })
  }

  private handleSourceEnded(source: Source): void {
    this.publishing.handleEnded(source)
    if (source === 'microphone' || source === 'camera') this.notify({ kind: 'source_lost', source })
  }

  private handleRefused(error: unknown): void {
    if (this.view.phase !== 'closed') this.options.listener.handleRefused(asSignalingError(error))
  }

  private handleBroadcast(broadcast: BroadcastView): void {
    const wasOn = this.view.broadcast.state === 'live'
    const on = broadcast.state === 'live'
    this.update({ broadcast })
    if (on !== wasOn) this.notify({ kind: 'broadcast', on })
    // As long as something is to be seen, the way back is looked for without haste.
    this.rtc.setPatience(on)
    this.followInterruption()
  }

  private mediaWay(): MediaWay {
    if (this.view.media === 'connected') return 'open'
    if (this.view.signaling !== 'connected') return 'unknown'
    return this.view.media === 'refused' ? 'hopeless' : 'missing'
  }

  private followInterruption(): void {
    if (this.view.phase !== 'joined') return
    const way = this.mediaWay()
    this.broadcast.handleWay(way)
    // Refused media is not an interruption: it will not come back, and commands work.
    const isBroken = this.view.signaling !== 'connected' || (way === 'missing' && this.view.broadcast.state !== 'live')
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
    this.setHidden(false)
    this.wanted.close()
    this.broadcast.close()
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
