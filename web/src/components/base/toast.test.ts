import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { makeRoom, showToast, useToast } from './toast'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.runAllTimers()
  vi.useRealTimers()
})

it('shows at most three, none of them twice, and not for long', () => {
  const { items } = useToast()
  for (const text of ['a', 'b', 'a', 'c', 'd']) showToast(text)
  expect(items.value.map((one) => one.text)).toEqual(['a', 'c', 'd'])
  vi.advanceTimersByTime(60_000)
  expect(items.value).toEqual([])
})

it('leaves its place to a sheet or a menu, but for refusals', () => {
  const { items } = useToast()
  showToast('news')
  showToast('refused', 'over')
  makeRoom()
  expect(items.value.map((one) => one.text)).toEqual(['refused'])
})
