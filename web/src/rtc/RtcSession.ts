/**
 * The seat's media: keeps one working Transport, restarts or replaces it when the path breaks, carries the local tracks
 * over. Must not know signaling (an `exchange` function is given), participants or Vue.
 */
import type { SlotInfo, Source, TransportAnswered } from '../protocol/generated'
import type { VideoCodec } from './encodings'
import { IceServers, type IssuedIceServers } from './IceServers'
import { PROFILES, type DeviceClass, type RtcProfile } from './profiles'
import { nextStep, offerRetryDelayMs, PATIENT_RETRY_MS, type Trigger } from './recovery'
import { Transport, type ConnectionFactory, type Exchange } from './Transport'

export type MediaState = 'idle' | 'connecting' | 'connected' | 'interrupted' | 'refused' | 'closed'

export interface RtcListener {
  handleMediaState(state: MediaState): void
  /** After each answer: what the slots carry, and the tracks they feed. */
  handleSlots(slots: readonly SlotInfo[], tracksByMid: ReadonlyMap<string, MediaStreamTrack>): void
  handleAudioTracks(tracks: readonly MediaStreamTrack[]): void
  /** The server will not take this offer, and not the next one either. */
  handleOfferRefused(error: unknown): void
}

export interface RtcOptions {
  device: DeviceClass
  exchange: Exchange
  listener: RtcListener
  /** Relays for networks that let nothing else through; without it only direct paths are tried. */
  fetchIceServers?: () => Promise<IssuedIceServers>
  createConnection?: ConnectionFactory
  now?: () => number
}

/** ICE and DTLS on a living path take well under a second; after this long another way is better. */
const CONNECT_TIMEOUT_MS = 5000

export class RtcSession {
  private state: MediaState = 'idle'
  private transport: Transport | null = null
  /** The connection that is being replaced; it plays on until the new one is up. */
  private retired: Transport | null = null
  /** The new connection's answer, not yet shown because the retired one still carries pictures. */
  private unshown: TransportAnswered | null = null
  private readonly tracks = new Map<Source, MediaStreamTrack>()
  private readonly profile: RtcProfile
  private readonly ice: IceServers | null
  private restarts = 0
  private failedOffers = 0
  private negotiating = false
  private again: 'restart' | 'rebuild' | null = null
  /** Somebody else carries the lesson meanwhile: a try now and then is enough. */
  private patient = false
  private connectTimer: ReturnType<typeof setTimeout> | null = null
  private retryTimer: ReturnType<typeof setTimeout> | null = null

  constructor(private readonly options: RtcOptions) {
    this.profile = PROFILES[options.device]
    const { fetchIceServers, now } = options
    this.ice = fetchIceServers ? new IceServers({ fetch: fetchIceServers, now: now ?? (() => Date.now()) }) : null
  }

  /** For measurements only (getStats). */
  get connection(): RTCPeerConnection | null {
    return this.transport?.connection ?? null
  }

  get currentState(): MediaState {
    return this.state
  }

  open(): void {
    if (this.state !== 'idle') return
    this.setState('connecting')
    void this.rebuild()
  }

  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    if (track) this.tracks.set(source, track)
    else this.tracks.delete(source)
    await this.transport?.setTrack(source, track)
  }

  /** Holds for the present connection; the next one begins with H.264 and is asked anew. */
  async setCodec(source: Source, codec: VideoCodec): Promise<void> {
    await this.transport?.setCodec(source, codec)
  }

  /** Holds for the present connection; a new one sends everything until it is asked for less. */
  async setLayers(source: Source, rids: readonly string[]): Promise<void> {
    await this.transport?.setLayers(source, rids)
  }

  /** With patience the next connection is tried every half minute, else as soon as possible. */
  setPatience(patient: boolean): void {
    const isOver = this.patient && !patient
    this.patient = patient
    if (isOver) this.hurry()
  }

  handleNetworkChanged(): void {
    this.recover('network_changed')
  }

  handleMediaMoved(): void {
    this.recover('media_moved')
  }

  /** Signaling is back: an offer that waits for its next try need not wait any longer. */
  handleSignalingReady(): void {
    this.hurry()
  }

  private hurry(): void {
    if (this.state === 'closed' || this.state === 'connected' || this.state === 'idle') return
    if (this.retryTimer && !this.negotiating) void this.rebuild()
  }

  close(): void {
    if (this.state === 'closed') return
    this.clearTimers()
    this.transport?.close()
    this.retired?.close()
    this.setState('closed')
  }

  private recover(trigger: Trigger): void {
    if (this.state === 'closed' || this.state === 'idle' || this.state === 'refused') return
    const step = nextStep(trigger, this.restarts)
    if (this.negotiating) {
      if (this.again !== 'rebuild') this.again = step
      return
    }
    if (this.patient && trigger !== 'network_changed' && trigger !== 'media_moved') this.tryLater(PATIENT_RETRY_MS)
    else if (step === 'rebuild') void this.rebuild()
    else void this.restart()
  }

  private async restart(): Promise<void> {
    const transport = this.transport
    if (!transport) return this.rebuild()
    this.restarts += 1
    if ((await this.prepare()) && this.ice) transport.setIceServers(this.ice.current)
    await this.negotiate(transport, true)
  }

  /** From here to the end of `negotiate` nothing else is begun. True: there are other relays than before. */
  private async prepare(): Promise<boolean> {
    this.clearTimers()
    this.negotiating = true
    return (await this.ice?.refresh()) ?? false
  }

  private async rebuild(): Promise<void> {
    this.restarts = 0
    await this.prepare()
    if (this.currentState === 'closed') return
    const transport = this.tryTransport()
    if (!transport) return
    if (this.transport) {
      this.retired?.close()
      this.retired = this.transport
    }
    this.transport = transport
    for (const [source, track] of this.tracks) await transport.setTrack(source, track)
    await this.negotiate(transport, false)
  }

  /** Some embedded browsers have no WebRTC at all, or have it switched off: listening to nobody is better than a dead page. */
  private tryTransport(): Transport | null {
    try {
      return this.createTransport()
    } catch (cause) {
      this.negotiating = false
      this.handleOfferFailed(Object.assign(new Error('no WebRTC', { cause }), { code: 'no_usable_media', retryable: false }))
      return null
    }
  }

  private createTransport(): Transport {
    const transport: Transport = new Transport({
      profile: this.profile,
      iceServers: this.ice?.current ?? [],
      createConnection: this.options.createConnection ?? ((configuration) => new RTCPeerConnection(configuration)),
      handleConnectionState: (state) => {
        if (transport === this.transport) this.handleConnectionState(state)
      },
    })
    return transport
  }

  private async negotiate(transport: Transport, restartIce: boolean): Promise<void> {
    let answered: TransportAnswered | null = null
    try {
      answered = await transport.negotiate(this.options.exchange, restartIce)
    } catch (error) {
      this.handleOfferFailed(error)
    }
    this.negotiating = false
    if (this.state === 'closed') return transport.close()
    if (answered) this.handleAnswered(transport, answered)
    this.runPostponed()
  }

  private runPostponed(): void {
    const step = this.again
    this.again = null
    if (step === 'rebuild') void this.rebuild()
    else if (step === 'restart') void this.restart()
  }

  private handleAnswered(transport: Transport, answered: TransportAnswered): void {
    this.failedOffers = 0
    if (transport.isOrphaned) {
      this.again = 'rebuild'
      return
    }
    if (this.retired?.isConnected) this.unshown = answered
    else this.show(transport, answered)
    if (transport.isConnected) this.setState('connected')
    this.connectTimer = setTimeout(() => {
      if (!transport.isConnected) this.recover('restart_timeout')
    }, CONNECT_TIMEOUT_MS)
  }

  private show(transport: Transport, answered: TransportAnswered): void {
    this.unshown = null
    this.options.listener.handleSlots(answered.slots, transport.slotTracks())
    this.options.listener.handleAudioTracks(transport.audioTracks())
  }

  private handleOfferFailed(error: unknown): void {
    if (this.state === 'closed') return
    if (isFinal(error)) {
      this.setState('refused')
      this.options.listener.handleOfferRefused(error)
      return
    }
    this.tryLater(this.patient ? PATIENT_RETRY_MS : offerRetryDelayMs(this.failedOffers))
    this.failedOffers += 1
  }

  private tryLater(delayMs: number): void {
    this.retryTimer ??= setTimeout(() => {
      this.retryTimer = null
      if (!this.negotiating) void this.rebuild()
    }, delayMs)
  }

  private handleConnectionState(state: RTCPeerConnectionState): void {
    if (this.state === 'closed') return
    if (state === 'connected') {
      this.clearTimers() // it healed by itself: there is nothing left to try
      this.restarts = 0
      if (this.transport && this.unshown) this.show(this.transport, this.unshown)
      this.retired?.close()
      this.retired = null
      this.setState('connected')
    } else if (state === 'disconnected' || state === 'failed') {
      this.setState('interrupted')
      this.recover(state)
    }
  }

  private clearTimers(): void {
    if (this.connectTimer) clearTimeout(this.connectTimer)
    if (this.retryTimer) clearTimeout(this.retryTimer)
    this.connectTimer = null
    this.retryTimer = null
  }

  private setState(state: MediaState): void {
    if (this.state === state) return
    this.state = state
    this.options.listener.handleMediaState(state)
  }
}

/** A refusal that says of itself that it may be tried again is not final; an unknown failure is not either. */
function isFinal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('retryable' in error) || !('code' in error)) return false
  // `not_joined` is not: a seat that was given up is taken again as soon as signaling is back.
  const FINAL: readonly unknown[] = ['bad_sdp', 'no_usable_media', 'room_full', 'forbidden']
  return error.retryable === false && FINAL.includes(error.code)
}
