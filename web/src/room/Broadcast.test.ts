import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { BroadcastInfo } from '../protocol/generated'
import { Broadcast, FALL_BACK_AFTER_MS, type BroadcastView } from './Broadcast'

const LIVE: BroadcastInfo = { state: 'live', playlist_url: '/a.m3u8', reason: null }

function setUp(answers: (BroadcastInfo | Error)[]) {
  const views: BroadcastView[] = []
  let asked = 0
  const broadcast = new Broadcast({
    fetch: () => {
      const answer = answers[Math.min(asked, answers.length - 1)] ?? LIVE
      asked += 1
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
    handleChanged: (view) => views.push(view),
  })
  return { broadcast, views, asked: () => asked }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('Broadcast', () => {
  it('is asked for only after two connections have failed', async () => {
    const { broadcast, views, asked } = setUp([LIVE])
    broadcast.handleWay('missing')
    await vi.advanceTimersByTimeAsync(FALL_BACK_AFTER_MS - 1)
    broadcast.handleWay('missing')
    expect(asked()).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(views).toEqual([{ state: 'live', playlistUrl: '/a.m3u8' }])
  })

  it('is not asked for when media comes in time, nor while there is no line to the server', async () => {
    const { broadcast, asked } = setUp([LIVE])
    broadcast.handleWay('missing')
    await vi.advanceTimersByTimeAsync(5000)
    broadcast.handleWay('open')
    await vi.advanceTimersByTimeAsync(20_000)
    broadcast.handleWay('missing')
    await vi.advanceTimersByTimeAsync(5000)
    broadcast.handleWay('unknown')
    await vi.advanceTimersByTimeAsync(20_000)
    expect(asked()).toBe(0)
  })

  it('waits for one that has not begun, and says why there is none', async () => {
    const answers: (BroadcastInfo | Error)[] = [
      new Error('no answer'),
      { state: 'unavailable', playlist_url: null, reason: 'not_recorded' },
      { state: 'waiting', playlist_url: null, reason: null },
      LIVE,
    ]
    const { broadcast, views } = setUp(answers)
    broadcast.handleWay('hopeless')
    await vi.advanceTimersByTimeAsync(16_000)
    expect(views.map((one) => one.state)).toEqual(['unavailable', 'waiting', 'live'])
    expect(views[0]).toEqual({ state: 'unavailable', reason: 'not_recorded' })
  })

  it('hears that it is over', async () => {
    const { broadcast, views } = setUp([LIVE, LIVE, { state: 'waiting', playlist_url: null, reason: null }])
    broadcast.handleWay('hopeless')
    await vi.advanceTimersByTimeAsync(31_000)
    expect(views.map((one) => one.state)).toEqual(['live', 'waiting'])
  })

  it('plays on over a lost line, and is looked after at once when it is back', async () => {
    const { broadcast, views, asked } = setUp([LIVE])
    broadcast.handleWay('hopeless')
    await vi.advanceTimersByTimeAsync(0)
    broadcast.handleWay('unknown')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked()).toBe(1)
    broadcast.handleWay('missing')
    await vi.advanceTimersByTimeAsync(0)
    expect(asked()).toBe(2)
    expect(views.map((one) => one.state)).toEqual(['live'])
  })

  it('is back soon when media came for a moment only, and not for every later hitch', async () => {
    const { broadcast, views } = setUp([LIVE])
    broadcast.handleWay('hopeless')
    await vi.advanceTimersByTimeAsync(0)
    broadcast.handleWay('open')
    await vi.advanceTimersByTimeAsync(10_000)
    broadcast.handleWay('missing')
    await vi.advanceTimersByTimeAsync(2000)
    expect(views.map((one) => one.state)).toEqual(['live', 'off', 'live'])
    broadcast.handleWay('open')
    await vi.advanceTimersByTimeAsync(60_000)
    broadcast.handleWay('missing')
    await vi.advanceTimersByTimeAsync(FALL_BACK_AFTER_MS - 1)
    expect(views).toHaveLength(4)
  })

  it('is left as soon as media is there, whatever answer is still on its way', async () => {
    let answer: ((value: BroadcastInfo) => void) | undefined
    const views: BroadcastView[] = []
    const broadcast = new Broadcast({ fetch: () => new Promise((resolve) => (answer = resolve)), handleChanged: (view) => views.push(view) })
    broadcast.handleWay('hopeless')
    await vi.advanceTimersByTimeAsync(0)
    broadcast.handleWay('open')
    answer?.(LIVE)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(views).toEqual([])
    broadcast.close()
  })
})
