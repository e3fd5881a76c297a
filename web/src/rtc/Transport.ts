/**
 * One RTCPeerConnection with its fixed set of m-lines: one offer, one answer, publishing by replaceTrack afterwards.
 * Must not know why it is opened or renegotiated (RtcSession does), nor who is in the room.
 */
import type { Source, TransportAnswered } from '../protocol/generated'
import { preferredAudioCodecs, preferredVideoCodecs } from './codecs'
import { adaptiveSound, codecNamed, fitLayers, sendEncodings, shapeEncodings, singleEncoding, type VideoCodec } from './encodings'
import type { Playout } from './playout'
import { kindOf, SOURCE_ORDER, type RtcProfile } from './profiles'
import { withSoundRepair } from './soundRepair'

export type Exchange = (sdp: string) => Promise<TransportAnswered>
export type ConnectionFactory = (configuration: RTCConfiguration) => RTCPeerConnection

export interface TransportOptions {
  profile: RtcProfile
  iceServers: RTCIceServer[]
  createConnection: ConnectionFactory
  handleConnectionState(state: RTCPeerConnectionState): void
}

/** Firefox before 2023 and Safari before 15.4 lack it on some kinds; the offer is then only longer. */
function preferCodecs(transceiver: RTCRtpTransceiver, kind: 'audio' | 'video'): void {
  if (typeof transceiver.setCodecPreferences !== 'function') return
  const codecs = RTCRtpReceiver.getCapabilities?.(kind)?.codecs ?? []
  const preferred = kind === 'audio' ? preferredAudioCodecs(codecs) : preferredVideoCodecs(codecs)
  if (preferred.length === 0) return
  try {
    transceiver.setCodecPreferences(preferred)
  } catch {
    // Chromium refuses lists it considers incomplete for a direction; its own order works as well.
  }
}

/** One source's m-line, and what is wanted of its encodings whatever track it carries. */
interface SendingLine {
  readonly transceiver: RTCRtpTransceiver
  /** null: nobody has said yet what is looked at, so everything is sent. */
  rids: readonly string[] | null
  codec: VideoCodec | null
  /** setParameters fails when another one comes between it and its getParameters. */
  turn: Promise<void>
}

export class Transport {
  readonly connection: RTCPeerConnection
  private readonly sending = new Map<Source, SendingLine>()
  private readonly receiving: RTCRtpTransceiver[] = []
  private playout: Playout | null = null
  private closed = false
  private peerSession: string | null = null
  private orphaned = false

  constructor(private readonly options: TransportOptions) {
    this.connection = options.createConnection({
      iceServers: options.iceServers,
      bundlePolicy: 'max-bundle',
      rtcpMuxPolicy: 'require',
    })
    this.connection.addEventListener('connectionstatechange', () => {
      if (this.isConnected) this.followPlayout().catch(() => undefined)
      if (!this.closed) options.handleConnectionState(this.connection.connectionState)
    })
    for (const source of SOURCE_ORDER) this.sending.set(source, this.addSending(source))
    this.addReceiving('audio', options.profile.audioSlots)
    this.addReceiving('video', options.profile.videoSlots)
  }

  get isConnected(): boolean {
    return this.connection.connectionState === 'connected'
  }

  /** The server has given up its end and answers with a new one, which waits in vain for a DTLS handshake. */
  get isOrphaned(): boolean {
    return this.orphaned
  }

  /** Used from the next offer on. */
  setIceServers(iceServers: RTCIceServer[]): void {
    if (!this.closed) this.connection.setConfiguration({ ...this.connection.getConfiguration(), iceServers })
  }

  /** One offer, one answer. With `restartIce` the path is looked for again on the living DTLS session. */
  async negotiate(exchange: Exchange, restartIce: boolean): Promise<TransportAnswered> {
    if (restartIce) this.connection.restartIce()
    await this.offer()
    const sdp = this.connection.localDescription?.sdp
    if (!sdp) throw new Error('the browser made no offer')
    try {
      const answered = await exchange(sdp)
      this.followPeer(answered.sdp)
      if (!this.closed) await this.connection.setRemoteDescription({ type: 'answer', sdp: answered.sdp })
      for (const source of SOURCE_ORDER) void this.applyWanted(source)
      return answered
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    const line = this.sending.get(source)
    if (!line || this.closed) return
    // What is published anew has not been looked at yet.
    if (!track) line.rids = null
    await line.transceiver.sender.replaceTrack(track)
    if (track) await this.applyWanted(source)
  }

  /** Both codecs are negotiated; the browser goes on with the other one from its next keyframe. */
  async setCodec(source: Source, codec: VideoCodec): Promise<void> {
    const line = this.sending.get(source)
    if (!line || this.closed) return
    line.codec = codec
    await this.applyWanted(source)
  }

  /** These encodings are looked at: only they are sent from now on. */
  async setLayers(source: Source, rids: readonly string[]): Promise<void> {
    const line = this.sending.get(source)
    if (!line || this.closed) return
    line.rids = rids
    await this.applyWanted(source)
  }

  /** mid → the track that the slot's sender feeds; known as soon as there is an offer. */
  slotTracks(): Map<string, MediaStreamTrack> {
    const tracks = new Map<string, MediaStreamTrack>()
    for (const transceiver of this.receiving) {
      if (transceiver.mid !== null) tracks.set(transceiver.mid, transceiver.receiver.track)
    }
    return tracks
  }

  audioTracks(): MediaStreamTrack[] {
    return this.receiving.map((one) => one.receiver.track).filter((track) => track.kind === 'audio')
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.playout?.close()
    this.connection.close()
  }

  /** Only what plays has to be followed, so a page that just enters does not wait for it. */
  private async followPlayout(): Promise<void> {
    const { Playout } = await import('./playout')
    if (this.closed) return
    this.playout ??= new Playout(this.connection, () => this.receiving)
    this.playout.start()
  }

  /** The session id of the answer's origin line stays for as long as the server's end does (RFC 8829 §5.3.2). */
  private followPeer(answer: string): void {
    const session = /^o=\S+ (\d+) /m.exec(answer)?.[1] ?? null
    this.orphaned = this.peerSession !== null && session !== this.peerSession
    this.peerSession = session
  }

  private async offer(): Promise<void> {
    const offer = await this.connection.createOffer()
    try {
      await this.connection.setLocalDescription({ type: 'offer', sdp: withSoundRepair(offer.sdp ?? '') })
    } catch {
      await this.connection.setLocalDescription(offer) // a browser that wants its own words back
    }
  }

  private addSending(source: Source): SendingLine {
    const kind = kindOf(source)
    const transceiver = this.addSendTransceiver(source, kind)
    preferCodecs(transceiver, kind)
    return { transceiver, rids: null, codec: null, turn: Promise.resolve() }
  }

  private addSendTransceiver(source: Source, kind: 'audio' | 'video'): RTCRtpTransceiver {
    const layers = this.options.profile.layers[source]
    const add = (encodings: RTCRtpEncodingParameters[]) => {
      const sendEncodings = kind === 'audio' ? encodings.map(adaptiveSound) : encodings
      return this.connection.addTransceiver(kind, { direction: 'sendonly', sendEncodings })
    }
    try {
      return add(sendEncodings(layers))
    } catch {
      // A browser without simulcast by rid refuses the list; one picture is better than none.
      return add(singleEncoding(layers))
    }
  }

  private addReceiving(kind: 'audio' | 'video', count: number): void {
    for (let index = 0; index < count; index += 1) {
      const transceiver = this.connection.addTransceiver(kind, { direction: 'recvonly' })
      preferCodecs(transceiver, kind)
      this.receiving.push(transceiver)
    }
  }

  private applyWanted(source: Source): Promise<void> {
    const line = this.sending.get(source)
    if (!line) return Promise.resolve()
    line.turn = line.turn.then(async () => {
      // Browsers that do not know the member `codec` go on as they are; an encoder that refuses it still takes the rest.
      if (!(await this.tryWanted(line, source, line.codec))) await this.tryWanted(line, source, null)
    })
    return line.turn
  }

  private async tryWanted(line: SendingLine, source: Source, codecName: VideoCodec | null): Promise<boolean> {
    if (this.closed) return true
    const { sender } = line.transceiver
    const parameters = sender.getParameters()
    const encodings = parameters.encodings ?? []
    if (encodings.length === 0) return true // before the answer Firefox has none; sendEncodings holds then
    const codec = codecName ? codecNamed(parameters.codecs, codecName) : null
    const layers = fitLayers(this.options.profile.layers[source], linesOf(sender.track))
    const isShaped = shapeEncodings(encodings, { layers, rids: line.rids, codec })
    const isPreferred = source === 'screen' && preferDegradation(parameters, sender.track)
    if (!isShaped && !isPreferred) return true
    return sender.setParameters(parameters).then(
      () => true,
      () => false,
    )
  }

  /** An offer without an answer would block the next one. */
  private async rollback(): Promise<void> {
    if (this.closed || this.connection.signalingState !== 'have-local-offer') return
    await this.connection.setLocalDescription({ type: 'rollback' }).catch(() => undefined)
  }
}

/** The shorter side of what is captured: phones are held either way. */
function linesOf(track: MediaStreamTrack | null): number | undefined {
  // Embedded browsers of a few years ago lack it.
  const { width, height } = track?.kind === 'video' && 'getSettings' in track ? track.getSettings() : {}
  return width && height ? Math.min(width, height) : undefined
}

/** Text on a screen must stay sharp, a film shown on it must move. True: changed. */
function preferDegradation(parameters: RTCRtpSendParameters, track: MediaStreamTrack | null): boolean {
  const wanted = track?.contentHint === 'motion' ? 'balanced' : 'maintain-resolution'
  if (parameters.degradationPreference === wanted) return false
  parameters.degradationPreference = wanted
  return true
}
