import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'

import { usePresence } from './usePresence'

let scope: EffectScope
let sent: (string | undefined)[]
let pauses: number

function presence() {
  return scope.run(() => usePresence(60, { send: (id) => sent.push(id), pause: () => (pauses += 1) }))!
}

const asked = (id: string) => ({ prompt_id: id, answer_by_ms: 0 })

beforeEach(() => {
  vi.useFakeTimers()
  scope = effectScope()
  sent = []
  pauses = 0
})

afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

describe('the presence prompt', () => {
  it('is shown once and answered with its id', () => {
    const { prompt, hear, answer } = presence()
    hear(asked('p1'))
    const until = prompt.value?.untilMs
    vi.advanceTimersByTime(10_000)
    hear(asked('p1'))
    expect(prompt.value).toEqual({ id: 'p1', untilMs: until })
    answer()
    expect(sent).toEqual(['p1'])
    expect(prompt.value).toBeNull()
  })

  it('does not come back with an answer that was under way', () => {
    const { prompt, hear, answer } = presence()
    hear(asked('p1'))
    answer()
    hear(asked('p1'))
    expect(prompt.value).toBeNull()
    hear(asked('p2'))
    expect(prompt.value?.id).toBe('p2')
  })

  it('pauses when nobody answered, and asks the server what is left', () => {
    const { prompt, missed, hear } = presence()
    hear(asked('p1'))
    vi.advanceTimersByTime(60_500)
    expect(prompt.value).toBeNull()
    expect(missed.value).toBe(true)
    expect(pauses).toBe(1)
    expect(sent).toEqual([])
    vi.advanceTimersByTime(6000)
    expect(sent).toEqual([undefined])
  })

  it('is gone when the server no longer asks', () => {
    const { prompt, hear } = presence()
    hear(asked('p1'))
    hear(null)
    expect(prompt.value).toBeNull()
    vi.advanceTimersByTime(120_000)
    expect(pauses).toBe(0)
  })
})
