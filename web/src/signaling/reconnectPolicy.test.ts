import { describe, expect, it } from 'vitest'

import { reconnectDelayMs } from './reconnectPolicy'

describe('reconnectDelayMs', () => {
  it('tries at once, then ever later', () => {
    const delays = [0, 1, 2, 3, 4, 5, 6].map((attempt) => reconnectDelayMs(attempt, 60_000, 0.5))
    expect(delays).toEqual([0, 300, 1200, 2700, 4800, 7000, 7000])
  })

  it('never waits more than 2 s in the first 20 s, so that a restarted server has its clients back within 5 s', () => {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      expect(reconnectDelayMs(attempt, 19_999, 0.999)).toBeLessThanOrEqual(2000)
    }
  })

  it('spreads clients that lost the same server by a tenth to each side', () => {
    expect(reconnectDelayMs(2, 60_000, 0)).toBe(1080)
    expect(reconnectDelayMs(2, 60_000, 0.999_999)).toBe(1320)
  })
})
