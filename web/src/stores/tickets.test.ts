import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Me } from '@/protocol/generated'

import { useSession } from './session'
import { useTickets } from './tickets'

const LIFETIME_MS = 60_000
/** Of the server against ours. */
let clockMs = 0
let fetched: string[] = []

function me(id: string): Me {
  return { member_id: id, name: id, account: id, branch: null, rights: [], manages: [], csrf_token: 'c', must_change_password: false }
}

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  useSession().me = me('wang')
  clockMs = 0
  fetched = []
  vi.stubGlobal('fetch', (path: string) => {
    fetched.push(path)
    const body = { ticket: `t${String(fetched.length)}`, expires_ms: Date.now() + clockMs + LIFETIME_MS, server_url: '', seat_held_on: null }
    return Promise.resolve(new Response(JSON.stringify(body), { status: 200, headers: { 'Content-Type': 'application/json' } }))
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const text = async (ticket: Promise<{ ticket: string }>) => (await ticket).ticket

describe('tickets', () => {
  it('are not asked for at every look, and the one that was looked at is used', async () => {
    const tickets = useTickets()
    expect(await text(tickets.look('a'))).toBe('t1')
    vi.advanceTimersByTime(30_000)
    expect(await text(tickets.look('a'))).toBe('t1')
    expect(await text(tickets.take('a'))).toBe('t1')
    expect(fetched).toEqual(['/api/meetings/a/ticket'])
  })

  it('are good once', async () => {
    const tickets = useTickets()
    await tickets.take('a')
    expect(await text(tickets.take('a'))).toBe('t2')
    expect(await text(tickets.look('a'))).toBe('t3')
  })

  it('are asked for anew near their end, by either clock', async () => {
    const tickets = useTickets()
    clockMs = 3_600_000
    await tickets.look('a')
    vi.advanceTimersByTime(45_000)
    expect(await text(tickets.look('a'))).toBe('t2')
    clockMs = -30_000
    expect(await text(tickets.take('b'))).toBe('t3')
    await tickets.look('b')
    vi.advanceTimersByTime(26_000)
    expect(await text(tickets.look('b'))).toBe('t5')
  })

  it('are of one meeting and of one person', async () => {
    const tickets = useTickets()
    await tickets.look('a')
    expect(await text(tickets.look('b'))).toBe('t2')
    useSession().me = me('li')
    expect(await text(tickets.look('a'))).toBe('t3')
  })
})
