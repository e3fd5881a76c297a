import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { TransportAnswered } from '../protocol/generated'
import { SignalingError } from '../signaling/SignalingError'
import { ANSWERED, FakeConnection } from './fakeConnection'
import { RtcSession, type MediaState } from './RtcSession'

function setUp(exchange: (sdp: string) => Promise<TransportAnswered> = () => Promise.resolve(ANSWERED)) {
  const connections: FakeConnection[] = []
  const seen = { states: [] as MediaState[], slots: [] as string[][], audio: 0, refused: [] as unknown[] }
  const asked = vi.fn(exchange)
  const session = new RtcSession({
    device: 'phone',
    exchange: asked,
    createConnection: () => {
      const made = new FakeConnection()
      connections.push(made)
      return made as unknown as RTCPeerConnection
    },
    listener: {
      handleMediaState: (state) => seen.states.push(state),
      handleSlots: (_slots, tracks) => seen.slots.push([...tracks.keys()]),
      handleAudioTracks: (tracks) => {
        seen.audio = tracks.length
      },
      handleOfferRefused: (error) => seen.refused.push(error),
    },
  })
  const connection = (index: number): FakeConnection => {
    const found = connections[index]
    if (!found) throw new Error(`connection ${String(index)} was not made; there are ${String(connections.length)}`)
    return found
  }
  return { session, connections, connection, seen, asked }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

async function connected() {
  const all = setUp()
  all.session.open()
  await settle()
  all.connection(0).become('connected')
  return all
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('opening', () => {
  it('offers the four sources, three audio slots and the video slots in their order', async () => {
    const { connection, seen } = await connected()
    const lines = connection(0).transceivers.map((one) => `${one.kind} ${one.direction}`)
    expect(lines).toEqual([
      'audio sendonly',
      'video sendonly',
      'video sendonly',
      'audio sendonly',
      ...Array<string>(3).fill('audio recvonly'),
      ...Array<string>(4).fill('video recvonly'),
    ])
    expect(seen.slots).toEqual([['4', '5', '6', '7', '8', '9', '10']])
    expect(seen.audio).toBe(3)
    expect(seen.states).toEqual(['connecting', 'connected'])
  })

  it('publishes by replaceTrack, without another offer, within the bit rate of the source', async () => {
    const { session, connection, asked } = await connected()
    const camera = { kind: 'video' } as MediaStreamTrack
    await session.setTrack('camera', camera)
    expect(connection(0).sent(1)).toBe(camera)
    expect(connection(0).transceivers[1]?.sender.parameters.encodings[0]?.maxBitrate).toBe(500_000)
    await session.setTrack('camera', null)
    expect(connection(0).sent(1)).toBeNull()
    expect(asked).toHaveBeenCalledTimes(1)
  })

  it('offers again by itself while there is no media worker', async () => {
    let tries = 0
    const { session, connections, seen } = setUp(() => {
      tries += 1
      return tries < 3 ? Promise.reject(new SignalingError('media_unavailable', { retryable: true })) : Promise.resolve(ANSWERED)
    })
    session.open()
    await vi.advanceTimersByTimeAsync(2000)
    connections[connections.length - 1]?.become('connected')
    expect(tries).toBe(3)
    expect(seen.states).toEqual(['connecting', 'connected'])
  })

  it('stops when the offer is refused for good', async () => {
    const { session, seen, asked } = setUp(() => Promise.reject(new SignalingError('no_usable_media')))
    session.open()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toHaveBeenCalledTimes(1)
    expect(seen.states).toEqual(['connecting', 'refused'])
    expect(seen.refused).toHaveLength(1)
  })
})

describe('without WebRTC', () => {
  it('says so instead of failing unseen', () => {
    const refused: unknown[] = []
    const session = new RtcSession({
      device: 'phone',
      exchange: () => Promise.resolve(ANSWERED),
      createConnection: () => {
        throw new ReferenceError('RTCPeerConnection is not defined')
      },
      listener: { handleMediaState: () => undefined, handleSlots: () => undefined, handleAudioTracks: () => undefined, handleOfferRefused: (error) => refused.push(error) },
    })
    session.open()
    expect(session.currentState).toBe('refused')
    expect(refused).toMatchObject([{ code: 'no_usable_media' }])
  })
})

describe('recovering', () => {
  it('restarts ICE on the same connection when the path breaks', async () => {
    const { connection, connections, seen, asked } = await connected()
    connection(0).become('disconnected')
    await settle()
    expect(connection(0).iceRestarts).toBe(1)
    expect(asked).toHaveBeenLastCalledWith('offer 1')
    connection(0).become('connected')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(connections).toHaveLength(1)
    expect(seen.states).toEqual(['connecting', 'connected', 'interrupted', 'connected'])
  })

  it('makes a new connection with the same tracks when the restart does not help', async () => {
    const { session, connection, connections } = await connected()
    const microphone = { kind: 'audio' } as MediaStreamTrack
    await session.setTrack('microphone', microphone)
    connection(0).become('disconnected')
    await vi.advanceTimersByTimeAsync(5000)
    expect(connections).toHaveLength(2)
    expect(connection(1).sent(0)).toBe(microphone)
  })

  it('makes a new connection when the media worker moved, and keeps the old one until the new one is up', async () => {
    const { session, connection, seen } = await connected()
    session.handleMediaMoved()
    await settle()
    expect(connection(0).closed).toBe(false)
    expect(seen.slots).toHaveLength(1)
    connection(1).become('connected')
    expect(connection(0).closed).toBe(true)
    expect(seen.slots).toHaveLength(2)
    expect(seen.states).toEqual(['connecting', 'connected'])
  })

  it('shows the new connection at once when the old one is dead', async () => {
    const { session, connection, seen } = await connected()
    connection(0).become('failed')
    session.handleMediaMoved()
    await settle()
    expect(seen.slots.length).toBeGreaterThan(1)
  })

  it('does what came up during a negotiation afterwards, and only the stronger of two', async () => {
    let answer: ((answered: TransportAnswered) => void) | undefined
    let first = true
    const { session, connections } = setUp(() => {
      if (!first) return Promise.resolve(ANSWERED)
      first = false
      return new Promise((resolve) => {
        answer = resolve
      })
    })
    session.open()
    await settle()
    session.handleMediaMoved()
    session.handleNetworkChanged()
    expect(connections).toHaveLength(1)
    answer?.(ANSWERED)
    await settle()
    expect(connections).toHaveLength(2)
  })

  it('does not wait for its next try when signaling is back', async () => {
    let fails = true
    const { session, asked } = setUp(() => (fails ? Promise.reject(new SignalingError('connection_lost', { retryable: true })) : Promise.resolve(ANSWERED)))
    session.open()
    await settle()
    fails = false
    session.handleSignalingReady()
    await settle()
    expect(asked).toHaveBeenCalledTimes(2)
  })

  it('is quiet after the end', async () => {
    const { session, connection, asked, seen } = await connected()
    session.close()
    connection(0).become('failed')
    session.handleNetworkChanged()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toHaveBeenCalledTimes(1)
    expect(seen.states[seen.states.length - 1]).toBe('closed')
  })
})

describe('another codec', () => {
  const both = { encodings: [{ maxBitrate: 5 }], codecs: [{ mimeType: 'video/H264', payloadType: 108 }, { mimeType: 'video/VP8', payloadType: 96 }] }

  it('is sent with when it was negotiated, and the rest stays as it was', async () => {
    const { session, connection } = await connected()
    const sender = connection(0).transceivers[1]?.sender
    if (!sender) throw new Error('no camera line')
    sender.parameters = structuredClone(both) as unknown as RTCRtpSendParameters
    await session.setCodec('camera', 'VP8')
    expect(sender.parameters.encodings[0]).toMatchObject({ maxBitrate: 5, codec: { mimeType: 'video/VP8' } })
    await session.setCodec('camera', 'H264')
    expect(sender.parameters.encodings[0]).toMatchObject({ codec: { mimeType: 'video/H264' } })
  })

  it('is left alone where it was not, or where the encoder refuses', async () => {
    const { session, connection } = await connected()
    const sender = connection(0).transceivers[1]?.sender
    if (!sender) throw new Error('no camera line')
    await session.setCodec('camera', 'VP8')
    expect(sender.parameters.encodings[0]).toEqual({})
    sender.parameters = structuredClone(both) as unknown as RTCRtpSendParameters
    sender.setParameters = () => Promise.reject(new Error('refused'))
    await expect(session.setCodec('camera', 'VP8')).resolves.toBeUndefined()
  })
})
