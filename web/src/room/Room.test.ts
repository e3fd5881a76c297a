import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Ack, RoomJoined, RoomSnapshot } from '../protocol/generated'
import { ANSWERED, FakeConnection } from '../rtc/fakeConnection'
import type { SocketHandlers } from '../signaling/socket'
import { Room } from './Room'
import { participant, publication, roomSnapshot } from './testRoom'
import type { RoomNotice, RoomView } from './view'

/** A server of one room: acknowledges everything, answers joins and offers. */
class TestServer {
  handlers: SocketHandlers | null = null
  readonly seen: string[] = []
  snapshot: RoomSnapshot = roomSnapshot()
  missed: RoomJoined['missed'] = null

  readonly open = (_url: string, _auth: unknown, handlers: SocketHandlers) => {
    this.handlers = handlers
    queueMicrotask(() => handlers.handleOpen())
    return {
      emit: (name: string, payload: unknown, acknowledge: (ack: Ack) => void) => {
        this.seen.push(name === 'view.set' ? `view.set ${(payload as { pictures: { publication_id: string }[] }).pictures.map((one) => one.publication_id).join(' ')}` : name)
        queueMicrotask(() => acknowledge({ ok: true, data: this.answer(name), error: null }))
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
    return name === 'view.set' ? { slots: [] } : null
  }

  private joined(): RoomJoined {
    return {
      participant_id: 'me',
      resume_token: 'r',
      grants: { publish_audio: true, publish_video: true, share_screen: false, remark: true, moderate: false },
      revision: this.snapshot.revision,
      server_ms: 1000,
      companion: false,
      snapshot: this.missed ? null : this.snapshot,
      missed: this.missed,
    }
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

async function entered(server = new TestServer()) {
  const connections: FakeConnection[] = []
  const notices: RoomNotice[] = []
  let view: RoomView | null = null
  const room = new Room({
    device: 'phone',
    fetchTicket: () => Promise.resolve({ ticket: 't', server_url: '' }),
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
    room.setShown(['wang:camera'])
    await vi.advanceTimersByTimeAsync(200)
    expect(server.seen).toContain('view.set wang:camera')
    server.send('slots.changed', { slots: [{ mid: '7', kind: 'video', publication_id: 'wang:camera' }] })
    expect([...seen().videoTracks.keys()]).toEqual(['wang:camera'])
    server.send('slots.changed', { slots: [{ mid: '7', kind: 'video', publication_id: null }] })
    expect(seen().videoTracks.size).toBe(0)
  })

  it('tells a new media worker what it looks at', async () => {
    const { room, server, connections } = await entered()
    room.setShown(['wang:camera'])
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
    sender.parameters = { encodings: [{}], codecs: [{ mimeType: 'video/VP8' }] } as unknown as RTCRtpSendParameters
    server.send('codec.requested', { source: 'camera', codec: 'VP8' })
    await vi.waitFor(() => expect(sender.parameters.encodings[0]).toEqual({ codec: { mimeType: 'video/VP8' } }))
  })

  it('shows a camera that was published before it came', async () => {
    const server = new TestServer()
    server.snapshot = roomSnapshot({ publications: [publication('wang', 'camera')] })
    const { seen } = await entered(server)
    expect(seen().snapshot?.publications).toHaveLength(1)
  })
})
