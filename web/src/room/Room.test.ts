import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Ack, ErrorCode, RoomGrants, RoomJoined, RoomSnapshot } from '../protocol/generated'
import { ANSWERED, FakeConnection } from '../rtc/fakeConnection'
import { LocalMedia } from '../rtc/LocalMedia'
import type { SocketHandlers } from '../signaling/socket'
import { Room, type RoomOptions } from './Room'
import { participant, publication, roomSnapshot } from './testRoom'
import type { RoomNotice, RoomView } from './view'

function told(name: string, payload: unknown): string {
  if (name === 'quality.choose') return `quality.choose ${String((payload as { level: string | null }).level)}`
  if (name !== 'view.set') return name
  return `view.set ${(payload as { pictures: { publication_id: string }[] }).pictures.map((one) => one.publication_id).join(' ')}`.trimEnd()
}

const GRANTS: RoomGrants = { publish_audio: true, publish_video: true, share_screen: false, remark: true, moderate: false }

/** A server of one room: acknowledges everything, answers joins and offers. */
class TestServer {
  handlers: SocketHandlers | null = null
  readonly seen: string[] = []
  snapshot: RoomSnapshot = roomSnapshot()
  missed: RoomJoined['missed'] = null
  refuse: Record<string, ErrorCode> = {}

  readonly open = (_url: string, _auth: unknown, handlers: SocketHandlers) => {
    this.handlers = handlers
    queueMicrotask(() => handlers.handleOpen())
    return {
      emit: (name: string, payload: unknown, acknowledge: (ack: Ack) => void) => {
        this.seen.push(told(name, payload))
        const code = this.refuse[name]
        const error = code ? { code, message: '', retryable: true, error_id: null, fields: {} } : null
        queueMicrotask(() => acknowledge({ ok: error === null, data: error ? null : this.answer(name), error }))
      },
      close: () => undefined,
    }
  }

  send(name: string, payload: unknown): void {
    this.handlers?.handleMessage(name, payload)
  }

  private answer(name: string): Record<string, unknown> | null {
    if (name === 'room.join') return this.joined() as unknown as Record<string, unknown>
    if (name === 'transport.offer') return ANSWERED as unknown as Record<string, unknown>
    if (name === 'ice.servers') return { servers: [], ttl_s: 600 }
    return name === 'view.set' ? { slots: [] } : null
  }

  private joined(): RoomJoined {
    return {
      participant_id: 'me',
      resume_token: 'r',
      grants: GRANTS,
      revision: this.snapshot.revision,
      server_ms: 1000,
      companion: false,
      snapshot: this.missed ? null : this.snapshot,
      missed: this.missed,
    }
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

async function entered(server = new TestServer(), change: Partial<RoomOptions> = {}) {
  const connections: FakeConnection[] = []
  const notices: RoomNotice[] = []
  let view: RoomView | null = null
  const room = new Room({
    device: 'phone',
    fetchTicket: () => Promise.resolve({ ticket: 't', server_url: '' }),
    fetchBroadcast: () => Promise.resolve({ state: 'waiting', playlist_url: null, reason: null }),
    openSocket: server.open,
    now: () => Date.now(),
    createConnection: () => {
      const made = new FakeConnection()
      connections.push(made)
      return made as unknown as RTCPeerConnection
    },
    listener: {
      handleView: (next) => {
        view = next
      },
      handleNotice: (notice) => notices.push(notice),
      handleRefused: () => undefined,
    },
    ...change,
  })
  room.enter()
  await settle()
  connections[0]?.become('connected')
  await settle()
  return { room, server, connections, notices, seen: () => view ?? room.currentView }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.setSystemTime(400)
})

afterEach(() => {
  vi.useRealTimers()
})

describe('Room', () => {
  it('enters, offers once and shows the snapshot', async () => {
    const { server, seen, notices } = await entered()
    expect(seen()).toMatchObject({ phase: 'joined', signaling: 'connected', media: 'connected', interruptedSinceMs: null, clockOffsetMs: 600 })
    expect(seen().snapshot?.participants).toHaveLength(3)
    expect(server.seen.filter((name) => name === 'transport.offer')).toHaveLength(1)
    expect(notices).toEqual([])
  })

  it('follows events', async () => {
    const { server, seen } = await entered()
    server.send('participant.joined', { type: 'participant.joined', revision: 2, at_ms: 0, participant: participant('li') })
    server.send('speakers.changed', { participant_ids: ['li'] })
    expect(seen().snapshot?.participants).toHaveLength(4)
    expect(seen().speakers).toEqual(['li'])
  })

  it('asks for the pictures that are shown and finds their tracks when a slot is pointed at them', async () => {
    const { room, server, seen } = await entered()
    room.setShown([{ publication_id: 'wang:camera', height_px: 720 }])
    await vi.advanceTimersByTimeAsync(200)
    expect(server.seen).toContain('view.set wang:camera')
    server.send('slots.changed', { slots: [{ mid: '7', kind: 'video', publication_id: 'wang:camera', paused: false }] })
    expect([...seen().videoTracks.keys()]).toEqual(['wang:camera'])
    server.send('slots.changed', { slots: [{ mid: '7', kind: 'video', publication_id: null, paused: false }] })
    expect(seen().videoTracks.size).toBe(0)
  })

  it('tells a new media worker what it looks at', async () => {
    const { room, server, connections } = await entered()
    room.setShown([{ publication_id: 'wang:camera', height_px: 720 }])
    await vi.advanceTimersByTimeAsync(200)
    server.send('media.moved', {})
    await settle()
    connections[1]?.become('connected')
    await vi.advanceTimersByTimeAsync(200)
    expect(server.seen.filter((name) => name === 'view.set wang:camera')).toHaveLength(2)
    expect(server.seen.filter((name) => name === 'transport.offer')).toHaveLength(2)
  })

  it('measures an interruption and says when it is over', async () => {
    const { server, seen, notices } = await entered()
    server.missed = []
    server.handlers?.handleClosed('transport close')
    expect(seen()).toMatchObject({ phase: 'joined', signaling: 'reconnecting' })
    expect(seen().interruptedSinceMs).not.toBeNull()
    vi.setSystemTime(Date.now() + 12_000)
    await vi.advanceTimersByTimeAsync(100)
    expect(seen().interruptedSinceMs).toBeNull()
    expect(notices).toEqual([{ kind: 'recovered', awayMs: expect.any(Number) as number }])
    expect((notices[0] as { awayMs: number }).awayMs).toBeGreaterThanOrEqual(12_000)
  })

  it('keeps media running while signaling is away', async () => {
    const { server, connections } = await entered()
    server.handlers?.handleClosed('transport close')
    await settle()
    expect(connections).toHaveLength(1)
    expect(connections[0]?.closed).toBe(false)
  })

  it('connects anew when its seat was given up while it slept', async () => {
    const { room, server, connections } = await entered()
    room.setShown([{ publication_id: 'wang:camera', height_px: 720 }])
    await vi.advanceTimersByTimeAsync(200)
    server.send('participant.left', { type: 'participant.left', revision: 2, at_ms: 0, participant_id: 'me', reason: 'away' })
    expect(connections).toHaveLength(1)
    server.send('participant.joined', { type: 'participant.joined', revision: 3, at_ms: 0, participant: participant('me') })
    await vi.advanceTimersByTimeAsync(200)
    expect(connections).toHaveLength(2)
    expect(server.seen.filter((name) => name === 'view.set wang:camera').length).toBeGreaterThan(1)
  })

  it('closes with the reason and lets everything go', async () => {
    const { server, seen, connections } = await entered()
    server.send('room.closed', { code: 'room_closed', reason: 'ended' })
    expect(seen()).toMatchObject({ phase: 'closed', closing: { code: 'room_closed', reason: 'ended' } })
    expect(connections[0]?.closed).toBe(true)
  })

  it('leaves without an error', async () => {
    const { room, server, seen } = await entered()
    await room.leave()
    expect(server.seen).toContain('room.leave')
    expect(seen()).toMatchObject({ phase: 'closed', closing: { code: null } })
  })

  it('ignores a mute request for what is off, and news of itself are told once', async () => {
    const { server, notices } = await entered()
    server.send('mute.requested', { source: 'microphone' })
    server.send('floor.changed', { type: 'floor.changed', revision: 2, at_ms: 0, floor: { participant_id: 'me', since_ms: 0 } })
    server.send('floor.changed', { type: 'floor.changed', revision: 2, at_ms: 0, floor: { participant_id: 'me', since_ms: 0 } })
    expect(notices).toEqual([{ kind: 'floor_given' }])
  })

  it('sends its camera with the codec that it is asked for', async () => {
    const { server, connections } = await entered()
    const sender = connections[0]?.transceivers[1]?.sender
    if (!sender) throw new Error('no camera line')
    sender.parameters = { encodings: [{ active: true, maxBitrate: 500_000, scaleResolutionDownBy: 1 }], codecs: [{ mimeType: 'video/VP8' }] } as unknown as RTCRtpSendParameters
    server.send('codec.requested', { source: 'camera', codec: 'VP8' })
    await vi.waitFor(() => expect(sender.parameters.encodings[0]).toMatchObject({ codec: { mimeType: 'video/VP8' } }))
  })

  it('shows a camera that was published before it came', async () => {
    const server = new TestServer()
    server.snapshot = roomSnapshot({ publications: [publication('wang', 'camera')] })
    const { seen } = await entered(server)
    expect(seen().snapshot?.publications).toHaveLength(1)
  })
})

const WANG = [
  { publication_id: 'wang:camera', height_px: 720 },
  { publication_id: 'zhao:camera', height_px: 180 },
]
const mine = (change: Parameters<typeof participant>[1]) => ({ type: 'participant.changed', at_ms: 0, participant: participant('me', change) })

describe('weak networks', () => {
  it('keeps what is looked at and rests the other encodings', async () => {
    const { server, connections } = await entered()
    server.send('layers.requested', { source: 'camera', rids: ['q'] })
    await vi.waitFor(() => expect(connections[0]?.transceivers[1]?.sender.parameters.encodings.map((one) => one.active)).toEqual([true, false]))
  })

  it('knows which pictures stand still', async () => {
    const { server, seen } = await entered()
    server.send('slots.changed', { slots: [{ mid: '7', kind: 'video', publication_id: 'wang:camera', paused: true }] })
    expect([...seen().pausedIds]).toEqual(['wang:camera'])
    server.send('slots.changed', { slots: [{ mid: '7', kind: 'video', publication_id: 'wang:camera', paused: false }] })
    expect(seen().pausedIds.size).toBe(0)
  })

  it('says once what the network forces, and that it is over', async () => {
    const { server, seen, notices } = await entered()
    server.send('participant.changed', { ...mine({ quality: 'stage' }), revision: 2 })
    server.send('participant.changed', { ...mine({ quality: 'stage', signed_in: true }), revision: 3 })
    expect(seen().level).toBe('stage')
    server.send('participant.changed', { ...mine({ quality: 'full' }), revision: 4 })
    expect(notices).toEqual([
      { kind: 'level', level: 'stage', lowered: true },
      { kind: 'level', level: 'full', lowered: false },
    ])
  })

  it('asks for less by hand, tells the server, and says nothing of what was chosen', async () => {
    const { room, server, seen, notices } = await entered()
    room.setShown(WANG)
    room.chooseLevel('stage')
    await vi.advanceTimersByTimeAsync(200)
    expect(server.seen).toContain('quality.choose stage')
    expect(server.seen).toContain('view.set wang:camera')
    server.send('participant.changed', { ...mine({ quality: 'stage' }), revision: 2 })
    room.chooseLevel('audio')
    await vi.advanceTimersByTimeAsync(200)
    expect(server.seen[server.seen.length - 1]).toBe('view.set')
    expect(seen().level).toBe('audio')
    room.chooseLevel(null)
    await vi.advanceTimersByTimeAsync(200)
    expect(server.seen[server.seen.length - 1]).toBe('view.set wang:camera zhao:camera')
    expect(notices).toEqual([])
  })

  it('repeats the choice when there was no media worker to take it', async () => {
    const { room, server, connections } = await entered()
    server.refuse = { 'quality.choose': 'media_unavailable' }
    room.chooseLevel('stage')
    await settle()
    server.refuse = {}
    connections[0]?.become('disconnected')
    await settle()
    connections[0]?.become('connected')
    await settle()
    expect(server.seen.filter((one) => one === 'quality.choose stage')).toHaveLength(2)
  })

  it('repeats the choice to a new seat', async () => {
    const { room, server } = await entered()
    room.chooseLevel('stage')
    await settle()
    server.handlers?.handleClosed('transport close')
    await vi.advanceTimersByTimeAsync(1000)
    expect(server.seen.filter((one) => one === 'quality.choose stage')).toHaveLength(2)
  })

  it('asks for no pictures when the page has been hidden for three seconds', async () => {
    const { room, server } = await entered()
    room.setShown(WANG)
    await vi.advanceTimersByTimeAsync(200)
    room.setHidden(true)
    await vi.advanceTimersByTimeAsync(2900)
    expect(server.seen).not.toContain('view.set')
    await vi.advanceTimersByTimeAsync(200)
    expect(server.seen).toContain('view.set')
    room.setHidden(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(server.seen[server.seen.length - 1]).toBe('view.set wang:camera zhao:camera')
    room.setHidden(true)
    room.setHidden(false)
    await vi.advanceTimersByTimeAsync(4000)
    expect(server.seen.filter((one) => one === 'view.set')).toHaveLength(1)
  })
})

describe('grants', () => {
  it('stops what it may not send any longer, and says what was taken and given', async () => {
    const track = { kind: 'video', stop: vi.fn(), addEventListener: () => undefined } as unknown as MediaStreamTrack
    const media = new LocalMedia({
      device: 'phone',
      handleEnded: () => undefined,
      mediaDevices: { getUserMedia: () => Promise.resolve({ getTracks: () => [track] }) } as unknown as MediaDevices,
    })
    const { room, server, connections, seen, notices } = await entered(new TestServer(), { media })
    await room.setCamera(true)
    expect(connections[0]?.sent(1)).toBe(track)
    server.send('grants.changed', { grants: { ...GRANTS, publish_video: false } })
    await settle()
    expect(seen().local.camera.phase).toBe('off')
    expect(connections[0]?.sent(1)).toBeNull()
    expect(server.seen).not.toContain('publication.remove')
    server.send('grants.changed', { grants: GRANTS })
    expect(notices).toEqual([
      { kind: 'grants', taken: ['camera'], given: [] },
      { kind: 'grants', taken: [], given: ['camera'] },
    ])
    expect(seen().seat?.grants).toEqual(GRANTS)
  })
})

/** A phone whose microphone and camera open at once. */
function openDevices() {
  const opened: string[] = []
  const open = (constraints: MediaStreamConstraints) => {
    const kind = constraints.audio ? 'audio' : 'video'
    opened.push(kind)
    const track = { kind, enabled: true, stop: () => undefined, addEventListener: () => undefined }
    return Promise.resolve({ getTracks: () => [track] })
  }
  const mediaDevices = { getUserMedia: open } as unknown as MediaDevices
  return { opened, media: new LocalMedia({ device: 'phone', handleEnded: () => undefined, mediaDevices }) }
}

describe('the broadcast', () => {
  const LIVE = { state: 'live' as const, playlist_url: '/live.m3u8', reason: null }

  it('is taken when media does not come, looked at in peace, and left when media is there', async () => {
    const { server, connections, seen } = await entered(new TestServer(), { fetchBroadcast: () => Promise.resolve(LIVE) })
    connections[0]?.become('failed')
    await vi.advanceTimersByTimeAsync(9000)
    expect(seen().broadcast).toEqual({ state: 'live', playlistUrl: '/live.m3u8' })
    expect(seen().interruptedSinceMs).toBeNull()
    const tried = connections.length
    await vi.advanceTimersByTimeAsync(31_000)
    expect(connections.length).toBe(tried + 1)
    connections[connections.length - 1]?.become('connected')
    expect(seen().broadcast).toEqual({ state: 'off' })
    expect(server.seen).toContain('room.join')
  })

  it('is taken at once by a browser without WebRTC', async () => {
    const createConnection = () => {
      throw new ReferenceError('RTCPeerConnection is not defined')
    }
    const { seen } = await entered(new TestServer(), { createConnection, fetchBroadcast: () => Promise.resolve(LIVE) })
    await vi.advanceTimersByTimeAsync(1)
    expect(seen().broadcast.state).toBe('live')
    expect(seen().interruptedSinceMs).toBeNull()
  })

  const phases = (view: RoomView) => [view.local.microphone.phase, view.local.camera.phase]

  it('closes the microphone, which nobody would hear, and opens it again with the media that comes soon', async () => {
    const { media } = openDevices()
    const { room, server, connections, seen, notices } = await entered(new TestServer(), { media, fetchBroadcast: () => Promise.resolve(LIVE) })
    await room.setMicrophone(true)
    await room.setCamera(true)
    connections[0]?.become('failed')
    await vi.advanceTimersByTimeAsync(9000)
    expect(phases(seen())).toEqual(['muted', 'off'])
    expect(server.seen.filter((name) => name === 'publication.mute')).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(31_000)
    connections[connections.length - 1]?.become('connected')
    await settle()
    expect(phases(seen())).toEqual(['live', 'live'])
    expect(notices.filter((one) => one.kind === 'broadcast')).toEqual([
      { kind: 'broadcast', on: true, sources: 'resting' },
      { kind: 'broadcast', on: false, sources: 'resumed' },
    ])
  })

  it('leaves the microphone closed when media comes after more than a minute, and says so', async () => {
    const { media } = openDevices()
    const { room, connections, seen, notices } = await entered(new TestServer(), { media, fetchBroadcast: () => Promise.resolve(LIVE) })
    await room.setMicrophone(true)
    connections[0]?.become('failed')
    await vi.advanceTimersByTimeAsync(75_000)
    connections[connections.length - 1]?.become('connected')
    await settle()
    expect(phases(seen())).toEqual(['muted', 'off'])
    expect(notices.at(-1)).toEqual({ kind: 'broadcast', on: false, sources: 'stopped' })
  })

  it('is watched without an open microphone by who wished one at the door', async () => {
    const { opened, media } = openDevices()
    const createConnection = () => {
      throw new ReferenceError('RTCPeerConnection is not defined')
    }
    const { room, server, seen, notices } = await entered(new TestServer(), { media, createConnection, fetchBroadcast: () => Promise.resolve(LIVE) })
    room.sendWhenPossible(['microphone', 'camera'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(seen().broadcast.state).toBe('live')
    expect(opened).toEqual([])
    expect(server.seen).not.toContain('publication.add')
    expect(notices).toEqual([{ kind: 'broadcast', on: true, sources: 'none' }])
  })
})

describe('what was wished at the door', () => {
  it('is sent as soon as media is there, if it is allowed', async () => {
    const { opened, media } = openDevices()
    const server = new TestServer()
    const { room, connections, seen, notices } = await entered(server, { media })
    connections[0]?.become('disconnected')
    room.sendWhenPossible(['microphone', 'camera'])
    await settle()
    expect(opened).toEqual([])
    server.send('grants.changed', { grants: { ...GRANTS, publish_video: false } })
    connections[0]?.become('connected')
    await settle()
    expect(seen().local.microphone.phase).toBe('live')
    expect(opened).toEqual(['audio'])
    expect(notices.filter((one) => one.kind === 'broadcast')).toEqual([])
  })

  it('is forgotten when the person decides otherwise meanwhile', async () => {
    const { opened, media } = openDevices()
    const { room, connections } = await entered(new TestServer(), { media })
    connections[0]?.become('disconnected')
    room.sendWhenPossible(['microphone'])
    await room.setMicrophone(false)
    connections[0]?.become('connected')
    await settle()
    expect(opened).toEqual([])
  })
})
