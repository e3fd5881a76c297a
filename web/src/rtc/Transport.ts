/**
 * One RTCPeerConnection with its fixed set of m-lines: one offer, one answer, publishing by replaceTrack afterwards.
 * Must not know why it is opened or renegotiated (RtcSession does), nor who is in the room.
 */
import type { Source, TransportAnswered, VolatileEventMap } from '../protocol/generated'
import { preferredAudioCodecs, preferredVideoCodecs } from './codecs'
import { kindOf, SOURCE_ORDER, type RtcProfile } from './profiles'

export type VideoCodec = VolatileEventMap['codec.requested']['codec']
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

/** WebRTC extensions: Chromium since 124, not yet in TypeScript's library. */
type CodecEncoding = RTCRtpEncodingParameters & { codec?: RTCRtpCodec }

export class Transport {
  readonly connection: RTCPeerConnection
  private readonly sending = new Map<Source, RTCRtpTransceiver>()
  private readonly receiving: RTCRtpTransceiver[] = []
  private closed = false

  constructor(private readonly options: TransportOptions) {
    this.connection = options.createConnection({
      iceServers: options.iceServers,
      bundlePolicy: 'max-bundle',
      rtcpMuxPolicy: 'require',
    })
    this.connection.addEventListener('connectionstatechange', () => {
      if (!this.closed) options.handleConnectionState(this.connection.connectionState)
    })
    this.addSending()
    this.addReceiving('audio', options.profile.audioSlots)
    this.addReceiving('video', options.profile.videoSlots)
  }

  get isConnected(): boolean {
    return this.connection.connectionState === 'connected'
  }

  /** One offer, one answer. With `restartIce` the path is looked for again on the living DTLS session. */
  async negotiate(exchange: Exchange, restartIce: boolean): Promise<TransportAnswered> {
    if (restartIce) this.connection.restartIce()
    await this.connection.setLocalDescription(await this.connection.createOffer())
    const sdp = this.connection.localDescription?.sdp
    if (!sdp) throw new Error('the browser made no offer')
    try {
      const answered = await exchange(sdp)
      if (!this.closed) await this.connection.setRemoteDescription({ type: 'answer', sdp: answered.sdp })
      return answered
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    const sender = this.sending.get(source)?.sender
    if (!sender || this.closed) return
    await sender.replaceTrack(track)
    if (track) await this.limitBitrate(sender, source)
  }

  /** Both codecs are negotiated; the browser goes on with the other one from its next keyframe. */
  async setCodec(source: Source, codec: VideoCodec): Promise<void> {
    const sender = this.sending.get(source)?.sender
    if (!sender || this.closed) return
    const parameters: RTCRtpSendParameters = sender.getParameters()
    const encoding: CodecEncoding | undefined = parameters.encodings?.[0]
    const wanted = parameters.codecs?.find((one) => one.mimeType.toLowerCase() === `video/${codec.toLowerCase()}`)
    if (!encoding || !wanted) return
    encoding.codec = wanted
    // Browsers that do not know the member go on as they are, and so does one whose encoder refuses.
    await sender.setParameters(parameters).catch(() => undefined)
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
    this.connection.close()
  }

  private addSending(): void {
    for (const source of SOURCE_ORDER) {
      const kind = kindOf(source)
      const transceiver = this.connection.addTransceiver(kind, {
        direction: 'sendonly',
        sendEncodings: [{ maxBitrate: this.options.profile.maxBitrateBps[source] }],
      })
      preferCodecs(transceiver, kind)
      this.sending.set(source, transceiver)
    }
  }

  private addReceiving(kind: 'audio' | 'video', count: number): void {
    for (let index = 0; index < count; index += 1) {
      const transceiver = this.connection.addTransceiver(kind, { direction: 'recvonly' })
      preferCodecs(transceiver, kind)
      this.receiving.push(transceiver)
    }
  }

  private async limitBitrate(sender: RTCRtpSender, source: Source): Promise<void> {
    const parameters = sender.getParameters()
    const encoding = parameters.encodings?.[0]
    if (!encoding) return // before the answer Firefox has none; sendEncodings holds then
    encoding.maxBitrate = this.options.profile.maxBitrateBps[source]
    if (source === 'screen') parameters.degradationPreference = 'maintain-resolution'
    await sender.setParameters(parameters).catch(() => undefined)
  }

  /** An offer without an answer would block the next one. */
  private async rollback(): Promise<void> {
    if (this.closed || this.connection.signalingState !== 'have-local-offer') return
    await this.connection.setLocalDescription({ type: 'rollback' }).catch(() => undefined)
  }
}
