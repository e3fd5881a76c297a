import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Ack, AnyRoomEvent, ConnectAuth, RoomJoined, RoomSnapshot } from '../protocol/generated'
import { SignalingClient, type SignalingState } from './SignalingClient'
import type { SignalingError } from './SignalingError'
import type { OpenSocket, SocketHandlers } from './socket'

/** The server's end of one socket: what was sent, and levers to answer. */
class ServerEnd implements OpenSocket {
  readonly sent: { name: string; payload: Record<string, unknown>; acknowledge: (ack: Ack) => void }[] = []
  closed = false

  constructor(
    readonly auth: ConnectAuth,
    readonly handlers: SocketHandlers,
  ) {}

  emit(name: string, payload: unknown, acknowledge: (ack: Ack) => void): void {
    this.sent.push({ name, payload: payload as Record<string, unknown>, acknowledge })
  }

  close(): void {
    this.closed = true
  }

  last(name: string) {
    const found = [...this.sent].reverse().find((one) => one.name === name)
    if (!found) throw new Error(`no ${name} was sent; sent: ${this.sent.map((one) => one.name).join(', ')}`)
    return found
  }

  join(change: Partial<RoomJoined> = {}): void {
    this.handlers.handleOpen()
    this.answerJoin(change)
  }

  answerJoin(change: Partial<RoomJoined> = {}): void {
    const joined: Partial<RoomJoined> = { participant_id: 'p1', resume_token: 'r1', revision: 5, server_ms: 0, snapshot: snapshotAt(5), missed: null, ...change }
    this.last('room.join').acknowledge({ ok: true, data: joined as Record<string, unknown>, error: null })
  }
}

function snapshotAt(revision: number): RoomSnapshot {
  return { revision } as RoomSnapshot
}

function event(revision: number): AnyRoomEvent {
  return { type: 'hands.changed', revision, at_ms: 0, hands: [] }
}

function refusal(code: string): Ack {
  return { ok: false, data: null, error: { code, message: code, retryable: false, error_id: null, fields: {} } as unknown as Ack['error'] }
}

function setUp(fetchTicket = vi.fn(() => Promise.resolve({ ticket: 't1', server_url: '' }))) {
  const sockets: ServerEnd[] = []
  const seen = { states: [] as SignalingState[], errors: [] as (SignalingError | null)[], events: [] as number[], joins: 0, volatile: [] as string[] }
  const client = new SignalingClient({
    device: 'desktop',
    fetchTicket,
    random: () => 0.5,
    openSocket: (_url, auth, handlers) => {
      const socket = new ServerEnd(auth, handlers)
      sockets.push(socket)
      return socket
    },
    listener: {
      handleSignalingState: (state, error) => {
        seen.states.push(state)
        seen.errors.push(error)
      },
      handleJoined: () => {
        seen.joins += 1
      },
      handleRoomEvent: (one) => seen.events.push(one.revision),
      handleVolatileEvent: (name) => seen.volatile.push(name),
    },
  })
  const socket = (index: number): ServerEnd => {
    const found = sockets[index]
    if (!found) throw new Error(`socket ${String(index)} was not opened; there are ${String(sockets.length)}`)
    return found
  }
  return { client, sockets, socket, seen, fetchTicket }
}

async function joined() {
  const all = setUp()
  all.client.start()
  await vi.advanceTimersByTimeAsync(0)
  all.socket(0).join()
  return all
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('entering', () => {
  it('gives the ticket in the auth payload, then joins without a revision', async () => {
    const { socket, seen } = await joined()
    expect(socket(0).auth).toMatchObject({ ticket: 't1', device: 'desktop' })
    expect(socket(0).last('room.join').payload.last_revision).toBeNull()
    expect(seen.states).toEqual(['connecting', 'connected'])
  })

  it('keeps trying while the server cannot be reached', async () => {
    const { client, sockets, socket } = setUp()
    client.start()
    await vi.advanceTimersByTimeAsync(0)
    socket(0).handlers.handleRefused(null, 'xhr poll error')
    await vi.advanceTimersByTimeAsync(400)
    expect(sockets.length).toBe(2)
    socket(1).join()
    expect(client.currentState).toBe('connected')
  })

  it('stops with the code when it is refused for good', async () => {
    const { client, socket, seen } = setUp()
    client.start()
    await vi.advanceTimersByTimeAsync(0)
    socket(0).handlers.handleOpen()
    socket(0).last('room.join').acknowledge(refusal('room_full'))
    expect(seen.states).toEqual(['connecting', 'closed'])
    expect(seen.errors[1]?.code).toBe('room_full')
    await expect(client.request('hand.raise', {})).rejects.toMatchObject({ code: 'not_joined' })
  })

  it('stops when no ticket is given, with the reason of the HTTP answer', async () => {
    const fetchTicket = vi.fn(() => Promise.reject(Object.assign(new Error('no'), { code: 'forbidden' })))
    const { client, seen } = setUp(fetchTicket as unknown as Parameters<typeof setUp>[0])
    client.start()
    await vi.advanceTimersByTimeAsync(0)
    expect(seen.errors[seen.errors.length - 1]?.code).toBe('forbidden')
  })

  it('gets a new ticket at once when the first was too late', async () => {
    const { client, socket, fetchTicket } = setUp()
    client.start()
    await vi.advanceTimersByTimeAsync(0)
    socket(0).handlers.handleRefused('ticket_expired', 'late')
    await vi.advanceTimersByTimeAsync(10)
    expect(fetchTicket).toHaveBeenCalledTimes(2)
    socket(1).join()
    expect(client.currentState).toBe('connected')
  })
})

describe('events', () => {
  it('passes each on once, in order, and drops repeats', async () => {
    const { socket, seen } = await joined()
    for (const revision of [6, 6, 7, 5]) socket(0).handlers.handleMessage('hands.changed', event(revision))
    expect(seen.events).toEqual([6, 7])
  })

  it('joins again on a gap and takes up where it was', async () => {
    const { socket, seen } = await joined()
    socket(0).handlers.handleMessage('hands.changed', event(6))
    socket(0).handlers.handleMessage('hands.changed', event(9))
    expect(socket(0).last('room.join').payload.last_revision).toBe(6)
    socket(0).handlers.handleMessage('hands.changed', event(10))
    socket(0).answerJoin({ revision: 9, snapshot: null, missed: [event(7), event(8), event(9)] })
    expect(seen.events).toEqual([6, 7, 8, 9, 10])
  })

  it('asks for a snapshot when even the missed events have a gap', async () => {
    const { socket, seen } = await joined()
    socket(0).handlers.handleMessage('hands.changed', event(9))
    socket(0).answerJoin({ revision: 9, snapshot: null, missed: [event(8), event(9)] })
    expect(socket(0).last('room.join').payload.last_revision).toBeNull()
    socket(0).answerJoin({ revision: 9, snapshot: snapshotAt(9) })
    socket(0).handlers.handleMessage('hands.changed', event(10))
    expect(seen.events).toEqual([10])
  })

  it('passes volatile ones on and ignores unknown ones', async () => {
    const { socket, seen } = await joined()
    socket(0).handlers.handleMessage('speakers.changed', { participant_ids: [] })
    socket(0).handlers.handleMessage('weather.changed', {})
    expect(seen.volatile).toEqual(['speakers.changed'])
  })
})

describe('coming back', () => {
  it('resumes with the token and the last revision', async () => {
    const { socket, seen, fetchTicket } = await joined()
    socket(0).handlers.handleMessage('hands.changed', event(6))
    socket(0).handlers.handleClosed('transport close')
    await vi.advanceTimersByTimeAsync(0)
    expect(socket(1).auth).toMatchObject({ resume_token: 'r1' })
    socket(1).handlers.handleOpen()
    expect(socket(1).last('room.join').payload.last_revision).toBe(6)
    socket(1).answerJoin({ revision: 8, snapshot: null, missed: [event(7), event(8)], resume_token: 'r2' })
    expect(seen.events).toEqual([6, 7, 8])
    expect(fetchTicket).toHaveBeenCalledTimes(1)
    expect(seen.states).toEqual(['connecting', 'connected', 'reconnecting', 'connected'])
  })

  it('takes a seat again that was given up while its line was still open', async () => {
    const { client, socket, seen } = await joined()
    const answer = client.request('hand.raise', {})
    socket(0).last('hand.raise').acknowledge(refusal('not_joined'))
    await expect(answer).rejects.toMatchObject({ code: 'not_joined' })
    await vi.advanceTimersByTimeAsync(400)
    expect(socket(0).closed).toBe(true)
    expect(socket(1).auth).toMatchObject({ resume_token: 'r1' })
    socket(1).join({ revision: 5, snapshot: null, missed: [] })
    expect(seen.states).toEqual(['connecting', 'connected', 'reconnecting', 'connected'])
  })

  it('does not come back when it is closed by its owner', async () => {
    const { client, socket, sockets } = await joined()
    const answer = client.request('room.leave', {})
    client.close()
    await expect(answer).rejects.toMatchObject({ code: 'not_joined' })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sockets).toHaveLength(1)
    expect(socket(0).closed).toBe(true)
  })

  it('gets a new ticket when the seat was given up', async () => {
    const { socket, fetchTicket } = await joined()
    socket(0).handlers.handleClosed('transport close')
    await vi.advanceTimersByTimeAsync(0)
    socket(1).handlers.handleRefused('resume_expired', 'too late')
    await vi.advanceTimersByTimeAsync(400)
    expect(fetchTicket).toHaveBeenCalledTimes(2)
    expect(socket(2).auth).toMatchObject({ ticket: 't1' })
  })

  it('sends what was not acknowledged again, with the same id, and takes the first answer only', async () => {
    const { client, socket } = await joined()
    const answer = client.request('remark.post', { text: '同意' })
    const first = socket(0).last('remark.post')
    socket(0).handlers.handleClosed('transport close')
    await vi.advanceTimersByTimeAsync(0)
    socket(1).join({ revision: 5, snapshot: null, missed: [] })
    const second = socket(1).last('remark.post')
    expect(second.payload).toEqual(first.payload)
    second.acknowledge({ ok: true, data: { remark: { remark_id: 'm1' } }, error: null })
    await expect(answer).resolves.toEqual({ remark: { remark_id: 'm1' } })
  })

  it('sends what was asked for while away', async () => {
    const { client, socket } = await joined()
    socket(0).handlers.handleClosed('transport close')
    const answer = client.request('hand.raise', {})
    await vi.advanceTimersByTimeAsync(0)
    socket(1).join({ revision: 5, snapshot: null, missed: [] })
    socket(1).last('hand.raise').acknowledge({ ok: true, data: null, error: null })
    await expect(answer).resolves.toBeNull()
  })

  it('ignores a late message of the old socket', async () => {
    const { socket, seen } = await joined()
    socket(0).handlers.handleClosed('transport close')
    await vi.advanceTimersByTimeAsync(0)
    socket(0).handlers.handleMessage('hands.changed', event(6))
    expect(seen.events).toEqual([])
  })

  it('leaves the hanging socket at once when the network changed', async () => {
    const { client, socket, sockets } = await joined()
    client.handleNetworkChanged()
    await vi.advanceTimersByTimeAsync(0)
    expect(socket(0).closed).toBe(true)
    expect(sockets.length).toBe(2)
  })

  it('is back within 5 s of a restart that takes 4 s', async () => {
    const { client, sockets, socket } = await joined()
    socket(0).handlers.handleClosed('transport close')
    for (let elapsed = 0; elapsed < 4000; elapsed += 50) {
      await vi.advanceTimersByTimeAsync(50)
      const open = sockets[sockets.length - 1]
      if (open && !open.closed && sockets.length > 1) open.handlers.handleRefused(null, 'refused')
    }
    const before = sockets.length
    await vi.advanceTimersByTimeAsync(2000)
    expect(sockets.length).toBeGreaterThan(before)
    sockets[sockets.length - 1]?.join({ revision: 5, snapshot: null, missed: [] })
    expect(client.currentState).toBe('connected')
  })
})

describe('requests', () => {
  it('tries twice with the same id, then says that there was no answer', async () => {
    const { client, socket } = await joined()
    const answer = client.request('hand.raise', {})
    const refused = expect(answer).rejects.toMatchObject({ code: 'request_timeout', retryable: true })
    await vi.advanceTimersByTimeAsync(8000)
    const ids = socket(0).sent.filter((one) => one.name === 'hand.raise').map((one) => one.payload.request_id)
    expect(ids.length).toBe(2)
    expect(new Set(ids).size).toBe(1)
    await vi.advanceTimersByTimeAsync(8000)
    await refused
  })

  it('gives up after a minute without a connection', async () => {
    const { client, socket } = await joined()
    socket(0).handlers.handleClosed('transport close')
    const refused = expect(client.request('hand.raise', {})).rejects.toMatchObject({ code: 'connection_lost' })
    await vi.advanceTimersByTimeAsync(60_000)
    await refused
  })

  it('says what the server refused', async () => {
    const { client, socket } = await joined()
    const refused = expect(client.request('meeting.end', {})).rejects.toMatchObject({ code: 'forbidden' })
    socket(0).last('meeting.end').acknowledge(refusal('forbidden'))
    await refused
  })
})

describe('the end', () => {
  it('closes with the reason of room.closed and does not come back', async () => {
    const { client, socket, sockets, seen } = await joined()
    const waiting = expect(client.request('hand.raise', {})).rejects.toMatchObject({ code: 'replaced' })
    socket(0).handlers.handleMessage('room.closed', { code: 'replaced', reason: 'replaced' })
    socket(0).handlers.handleClosed('io server disconnect')
    await waiting
    await vi.advanceTimersByTimeAsync(30_000)
    expect(sockets.length).toBe(1)
    expect(seen.states[seen.states.length - 1]).toBe('closed')
    expect(seen.errors[seen.errors.length - 1]?.code).toBe('replaced')
  })

  it('follows a room that moved to another server with a new ticket', async () => {
    const { socket, fetchTicket } = await joined()
    socket(0).handlers.handleMessage('room.closed', { code: 'room_closed', reason: 'moved' })
    await vi.advanceTimersByTimeAsync(10)
    expect(fetchTicket).toHaveBeenCalledTimes(2)
    expect(socket(1).auth.ticket).toBe('t1')
  })
})
