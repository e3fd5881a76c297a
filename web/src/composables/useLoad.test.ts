import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'

import { AppError } from '@/api/errors'

import { useLoad } from './useLoad'

interface Attempt {
  signal: AbortSignal
  resolve: (value: string) => void
  reject: (error: unknown) => void
}

let scope: EffectScope
let attempts: Attempt[]

function load() {
  return scope.run(() => useLoad((signal) => new Promise<string>((resolve, reject) => attempts.push({ signal, resolve, reject }))))!
}

beforeEach(() => {
  vi.useFakeTimers()
  scope = effectScope()
  attempts = []
})

afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)

describe('useLoad', () => {
  it('grows less patient in steps', async () => {
    const { waiting, data } = load()
    expect(waiting.value).toBe('quiet')
    await vi.advanceTimersByTimeAsync(200)
    expect(waiting.value).toBe('loading')
    await vi.advanceTimersByTimeAsync(3800)
    expect(waiting.value).toBe('slow')
    await vi.advanceTimersByTimeAsync(6000)
    expect(waiting.value).toBe('stuck')
    attempts[0]!.resolve('here')
    await settle()
    expect(waiting.value).toBe('no')
    expect(data.value).toBe('here')
  })

  it('keeps old data when a reload fails, and says so', async () => {
    const { data, error, stale, load: again } = load()
    attempts[0]!.resolve('old')
    await settle()
    void again()
    attempts[1]!.reject(new AppError({ code: 'offline' }))
    await settle()
    expect(data.value).toBe('old')
    expect(error.value?.code).toBe('offline')
    expect(stale.value).toBe(true)
  })

  it('ignores the answer of an attempt that another one replaced', async () => {
    const { data, load: again } = load()
    void again()
    expect(attempts[0]!.signal.aborted).toBe(true)
    attempts[1]!.resolve('new')
    attempts[0]!.resolve('late')
    await settle()
    expect(data.value).toBe('new')
  })

  it('stops with its page', async () => {
    const { error } = load()
    scope.stop()
    attempts[0]!.reject(new DOMException('aborted', 'AbortError'))
    await settle()
    expect(attempts[0]!.signal.aborted).toBe(true)
    expect(error.value).toBeNull()
  })
})
