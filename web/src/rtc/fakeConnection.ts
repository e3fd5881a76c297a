/** Stands in for RTCPeerConnection in tests: enough of its state machine to drive RtcSession by hand. */
import type { TransportAnswered } from '../protocol/generated'

class FakeSender {
  track: MediaStreamTrack | null = null
  parameters: RTCRtpSendParameters
  /** How often the parameters were set. */
  settings = 0

  constructor(encodings: RTCRtpEncodingParameters[]) {
    this.parameters = { encodings: encodings.map((one) => ({ active: true, ...one })) } as unknown as RTCRtpSendParameters
  }

  replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    this.track = track
    return Promise.resolve()
  }

  getParameters(): RTCRtpSendParameters {
    return structuredClone(this.parameters)
  }

  setParameters(parameters: RTCRtpSendParameters): Promise<void> {
    this.parameters = parameters
    this.settings += 1
    return Promise.resolve()
  }
}

class FakeTransceiver {
  mid: string | null = null
  readonly sender: FakeSender
  readonly receiver: { track: MediaStreamTrack }

  constructor(
    readonly kind: string,
    readonly direction: string,
    encodings: RTCRtpEncodingParameters[],
  ) {
    this.sender = new FakeSender(encodings)
    this.receiver = { track: { kind } as MediaStreamTrack }
  }
}

export class FakeConnection extends EventTarget {
  readonly transceivers: FakeTransceiver[] = []
  connectionState: RTCPeerConnectionState = 'new'
  signalingState: RTCSignalingState = 'stable'
  localDescription: RTCSessionDescriptionInit | null = null
  configuration: RTCConfiguration = {}
  /** As Safari before 15: no simulcast by rid. */
  refusesRids = false
  iceRestarts = 0
  closed = false

  getConfiguration(): RTCConfiguration {
    return this.configuration
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration
  }

  addTransceiver(kind: string, init: RTCRtpTransceiverInit): FakeTransceiver {
    if (this.refusesRids && init.sendEncodings?.some((one) => one.rid)) throw new TypeError('rid')
    const added = new FakeTransceiver(kind, init.direction ?? 'sendrecv', init.sendEncodings ?? [{}])
    this.transceivers.push(added)
    return added
  }

  restartIce(): void {
    this.iceRestarts += 1
  }

  createOffer(): Promise<RTCSessionDescriptionInit> {
    return Promise.resolve({ type: 'offer', sdp: `offer ${String(this.iceRestarts)}` })
  }

  setLocalDescription(description: RTCSessionDescriptionInit): Promise<void> {
    const isRollback = description.type === 'rollback'
    this.signalingState = isRollback ? 'stable' : 'have-local-offer'
    if (!isRollback) this.localDescription = description
    this.transceivers.forEach((one, index) => (one.mid = String(index)))
    return Promise.resolve()
  }

  setRemoteDescription(): Promise<void> {
    this.signalingState = 'stable'
    return Promise.resolve()
  }

  getStats(): Promise<ReadonlyMap<string, unknown>> {
    return Promise.resolve(new Map())
  }

  close(): void {
    this.closed = true
  }

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  /** The track that a source's m-line sends now. */
  sent(index: number): MediaStreamTrack | null {
    return this.transceivers[index]?.sender.track ?? null
  }
}

export const ANSWERED: TransportAnswered = { sdp: 'answer', sources: {}, slots: [{ mid: '7', kind: 'video', publication_id: null, paused: false }] }
