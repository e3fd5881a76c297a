import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { IceServers, type IssuedIceServers } from './IceServers'

const issued = (username: string): IssuedIceServers => ({ servers: [{ urls: ['turn:turn.example.org'], username, credential: 'c' }], ttl_s: 600 })

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function setUp(fetch: () => Promise<IssuedIceServers>) {
  const asked = vi.fn(fetch)
  return { ice: new IceServers({ fetch: asked, now: () => Date.now() }), asked }
}

describe('IceServers', () => {
  it('asks once, and again when half of their time is over', async () => {
    let round = 0
    const { ice, asked } = setUp(() => Promise.resolve(issued(String((round += 1)))))
    expect(await ice.refresh()).toBe(true)
    expect(ice.current).toEqual([{ urls: ['turn:turn.example.org'], username: '1', credential: 'c' }])
    vi.advanceTimersByTime(299_000)
    expect(await ice.refresh()).toBe(false)
    vi.advanceTimersByTime(1000)
    expect(await ice.refresh()).toBe(true)
    expect(asked).toHaveBeenCalledTimes(2)
    expect(ice.current[0]?.username).toBe('2')
  })

  it('goes on without them when the answer takes its time, and has them the next time', async () => {
    let answer: ((value: IssuedIceServers) => void) | undefined
    const { ice, asked } = setUp(() => new Promise((resolve) => (answer = resolve)))
    const waited = ice.refresh()
    await vi.advanceTimersByTimeAsync(1000)
    expect(await waited).toBe(false)
    expect(ice.current).toEqual([])
    answer?.(issued('late'))
    await vi.advanceTimersByTimeAsync(0)
    expect(ice.current[0]?.username).toBe('late')
    expect(asked).toHaveBeenCalledTimes(1)
  })

  it('keeps what it has when the server refuses', async () => {
    let fails = false
    const { ice } = setUp(() => (fails ? Promise.reject(new Error('refused')) : Promise.resolve(issued('kept'))))
    await ice.refresh()
    fails = true
    vi.advanceTimersByTime(600_000)
    expect(await ice.refresh()).toBe(false)
    expect(ice.current[0]?.username).toBe('kept')
  })
})
