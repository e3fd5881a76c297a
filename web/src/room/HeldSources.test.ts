import { describe, expect, it } from 'vitest'

import { HELD_AT_MOST_MS, HeldSources } from './HeldSources'

function setUp() {
  let nowMs = 1000
  const held = new HeldSources(() => nowMs)
  return { held, pass: (ms: number) => (nowMs += ms) }
}

describe('what waits for a way', () => {
  it('is given back once', () => {
    const { held } = setUp()
    held.hold(['microphone', 'camera'])
    expect(held.has()).toBe(true)
    expect(held.take()).toEqual(['microphone', 'camera'])
    expect(held.take()).toEqual([])
    expect(held.has()).toBe(false)
  })

  it('is not what was decided otherwise meanwhile', () => {
    const { held } = setUp()
    held.hold(['microphone', 'camera'])
    held.drop('microphone')
    held.drop('screen')
    expect(held.take()).toEqual(['camera'])
  })

  it('does not open by itself after a minute, however often the way broke meanwhile', () => {
    const { held, pass } = setUp()
    held.hold(['microphone'])
    pass(HELD_AT_MOST_MS)
    held.hold([])
    held.hold(['microphone'])
    pass(1)
    expect(held.take()).toEqual([])
    held.hold(['microphone'])
    pass(HELD_AT_MOST_MS)
    expect(held.take()).toEqual(['microphone'])
  })
})
