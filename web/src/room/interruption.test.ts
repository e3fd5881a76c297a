import { describe, expect, it } from 'vitest'

import { interruptionView, isWorthReporting } from './interruption'

describe('interruptionView', () => {
  it('says nothing at first, then a badge, a bar, a sheet', () => {
    expect([0, 999, 1000, 5999, 6000, 14_999, 15_000, 600_000].map(interruptionView)).toEqual(['none', 'none', 'badge', 'badge', 'bar', 'bar', 'sheet', 'sheet'])
  })

  it('reports the end only of what was shown', () => {
    expect([999, 1000].map(isWorthReporting)).toEqual([false, true])
  })
})
