import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { TransportAnswered } from '../protocol/generated'
import { SignalingError } from '../signaling/SignalingError'
import { ANSWERED, FakeConnection } from './fakeConnection'
import { PROFILES } from './profiles'
import { RtcSession, type MediaState, type RtcOptions } from './RtcSession'
import { Transport } from './Transport'

type Change = Partial<Pick<RtcOptions, 'device' | 'fetchIceServers'>>

function setUp(exchange: (sdp: string) => Promise<TransportAnswered> = () => Promise.resolve(ANSWERED), change: Change = {}) {
  const connections: FakeConnection[] = []
  const seen = { states: [] as MediaState[], slots: [] as string[][], audio: 0, refused: [] as unknown[] }
  const asked = vi.fn(exchange)
  const session = new RtcSession({
    device: 'phone',
    exchange: asked,
    ...change,
    createConnection: (configuration) => {
      const made = new FakeConnection()
      made.configuration = configuration
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

async function connected(change: Change = {}) {
  const all = setUp(undefined, change)
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
    expect(connection(0).transceivers[1]?.sender.parameters.encodings.map((one) => one.maxBitrate)).toEqual([120_000, 500_000])
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

  it('goes on trying when the seat was given up for the moment', async () => {
    let isSeated = false
    const { session, connections, seen } = setUp(() => (isSeated ? Promise.resolve(ANSWERED) : Promise.reject(new SignalingError('not_joined'))))
    session.open()
    await vi.advanceTimersByTimeAsync(400)
    expect(seen.refused).toEqual([])
    isSeated = true
    session.handleSignalingReady()
    await settle()
    connections[connections.length - 1]?.become('connected')
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
  it('says so instead of failing unseen', async () => {
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
    await settle()
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

  it('makes a new connection at once when the server has none any more that could be restarted', async () => {
    let session = 1
    const { session: rtc, connections, connection } = setUp(() => Promise.resolve({ ...ANSWERED, sdp: `v=0\r\no=- ${String(session)} 2 IN IP4 0.0.0.0\r\n` }))
    rtc.open()
    await settle()
    connection(0).become('connected')
    connection(0).become('disconnected')
    await settle()
    expect(connections).toHaveLength(1)
    session = 2
    connection(0).become('disconnected')
    await settle()
    expect(connections).toHaveLength(2)
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
  const both = {
    encodings: [{ rid: 'q' }, { rid: 'h' }],
    codecs: [{ mimeType: 'video/H264', payloadType: 108 }, { mimeType: 'video/VP8', payloadType: 96 }],
  }

  async function camera() {
    const all = await connected()
    const sender = all.connection(0).transceivers[1]?.sender
    if (!sender) throw new Error('no camera line')
    return { ...all, sender, codecs: () => sender.parameters.encodings.map((one) => (one as { codec?: RTCRtpCodec }).codec?.mimeType) }
  }

  it('is sent with in every encoding when it was negotiated', async () => {
    const { session, sender, codecs } = await camera()
    sender.parameters = structuredClone(both) as unknown as RTCRtpSendParameters
    await session.setCodec('camera', 'VP8')
    expect(codecs()).toEqual(['video/VP8', 'video/VP8'])
    await session.setCodec('camera', 'H264')
    expect(codecs()).toEqual(['video/H264', 'video/H264'])
  })

  it('is left alone where it was not negotiated', async () => {
    const { session, codecs } = await camera()
    await session.setCodec('camera', 'VP8')
    expect(codecs()).toEqual([undefined, undefined])
  })

  it('does not keep an encoder that refuses it from resting', async () => {
    const { session, sender } = await camera()
    sender.parameters = structuredClone(both) as unknown as RTCRtpSendParameters
    const take = sender.setParameters.bind(sender)
    sender.setParameters = (parameters) => (JSON.stringify(parameters).includes('"codec":') ? Promise.reject(new Error('refused')) : take(parameters))
    await session.setCodec('camera', 'VP8')
    await session.setLayers('camera', ['q'])
    expect(sender.parameters.encodings.map((one) => one.active)).toEqual([true, false])
  })
})

describe('layers', () => {
  const actives = (all: Awaited<ReturnType<typeof connected>>, index = 0, line = 1) =>
    all.connection(index).transceivers[line]?.sender.parameters.encodings.map((one) => one.active)

  it('are sent as far as they are looked at, another track or not', async () => {
    const all = await connected({ device: 'desktop' })
    await all.session.setTrack('camera', { kind: 'video' } as MediaStreamTrack)
    expect(actives(all)).toEqual([true, true, true])
    await all.session.setLayers('camera', ['q'])
    expect(actives(all)).toEqual([true, false, false])
    await all.session.setTrack('camera', { kind: 'video' } as MediaStreamTrack)
    await all.session.setCodec('camera', 'VP8')
    expect(actives(all)).toEqual([true, false, false])
    await all.session.setLayers('camera', [])
    expect(actives(all)).toEqual([false, false, false])
  })

  it('are all sent again by what is published anew, and by a new connection', async () => {
    const all = await connected({ device: 'desktop' })
    await all.session.setTrack('camera', { kind: 'video' } as MediaStreamTrack)
    await all.session.setLayers('camera', [])
    await all.session.setTrack('camera', null)
    await all.session.setTrack('camera', { kind: 'video' } as MediaStreamTrack)
    expect(actives(all)).toEqual([true, true, true])
    await all.session.setLayers('camera', [])
    all.session.handleMediaMoved()
    await settle()
    expect(actives(all, 1)).toEqual([true, true, true])
  })

  it('rest for a screen that nobody looks at', async () => {
    const all = await connected({ device: 'desktop' })
    await all.session.setTrack('screen', { kind: 'video', contentHint: 'detail' } as MediaStreamTrack)
    await all.session.setLayers('screen', [])
    expect(actives(all, 0, 2)).toEqual([false])
    await all.session.setLayers('screen', [''])
    expect(actives(all, 0, 2)).toEqual([true])
  })

  it('keep a screen sharp, and let a film on it move', async () => {
    const all = await connected({ device: 'desktop' })
    const preference = () => all.connection(0).transceivers[2]?.sender.parameters.degradationPreference
    await all.session.setTrack('screen', { kind: 'video', contentHint: 'detail' } as MediaStreamTrack)
    expect(preference()).toBe('maintain-resolution')
    await all.session.setTrack('screen', { kind: 'video', contentHint: 'motion' } as MediaStreamTrack)
    expect(preference()).toBe('balanced')
  })
})

describe('a browser without simulcast', () => {
  it('sends its camera once, as large as it comes', () => {
    const made = new FakeConnection()
    made.refusesRids = true
    const transport = new Transport({
      profile: PROFILES.desktop,
      iceServers: [],
      createConnection: () => made as unknown as RTCPeerConnection,
      handleConnectionState: () => undefined,
    })
    expect(transport.isConnected).toBe(false)
    expect(made.transceivers[1]?.sender.parameters.encodings).toEqual([{ active: true, maxBitrate: 1_500_000 }])
  })
})

describe('relays', () => {
  const servers = (username: string) => ({ servers: [{ urls: ['turn:turn.example.org'], username, credential: 'c' }], ttl_s: 600 })

  it('are asked for before the first connection, and anew before an ICE restart when they are old', async () => {
    let round = 0
    const { connection, seen } = await connected({ fetchIceServers: () => Promise.resolve(servers(String((round += 1)))) })
    expect(connection(0).configuration.iceServers).toMatchObject([{ username: '1' }])
    await vi.advanceTimersByTimeAsync(400_000)
    connection(0).become('disconnected')
    await settle()
    expect(connection(0).configuration.iceServers).toMatchObject([{ username: '2' }])
    expect(connection(0).iceRestarts).toBe(1)
    expect(seen.states).toContain('interrupted')
  })

  it('are gone without when the server has none to give', async () => {
    const { connection, asked } = await connected({ fetchIceServers: () => Promise.reject(new Error('none')) })
    expect(connection(0).configuration.iceServers).toEqual([])
    expect(asked).toHaveBeenCalledTimes(1)
  })
})

describe('patience', () => {
  it('tries every half minute while the broadcast carries the lesson, and at once on another network', async () => {
    const { session, connections, asked } = setUp()
    session.open()
    await vi.advanceTimersByTimeAsync(1000)
    session.setPatience(true)
    await vi.advanceTimersByTimeAsync(33_000)
    expect(connections).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(3000)
    expect(connections).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked).toHaveBeenCalledTimes(2)
    session.handleNetworkChanged()
    await settle()
    expect(asked).toHaveBeenCalledTimes(3)
  })

  it('ends with the broadcast', async () => {
    const { session, connections } = setUp()
    session.open()
    await vi.advanceTimersByTimeAsync(1000)
    session.setPatience(true)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(connections).toHaveLength(1)
    session.setPatience(false)
    await settle()
    expect(connections).toHaveLength(2)
  })

  it('leaves a connection alone that healed by itself', async () => {
    const { session, connection, connections } = await connected()
    session.setPatience(true)
    connection(0).become('disconnected')
    await vi.advanceTimersByTimeAsync(5000)
    connection(0).become('connected')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(connections).toHaveLength(1)
  })
})
