import { describe, expect, it } from 'vitest'

import { heldChoice, qualityChoices } from './qualityChoices'

describe('what can be chosen', () => {
  it('is every rung in the live room', () => {
    expect(qualityChoices(false)).toEqual([null, 'stage', 'stills', 'audio', 'text'])
    for (const one of qualityChoices(false)) expect(heldChoice(one, false)).toBe(one)
  })

  it('is the broadcast or nothing of it where no other stream exists', () => {
    expect(qualityChoices(true)).toEqual([null, 'text'])
    expect(heldChoice('audio', true)).toBeNull()
    expect(heldChoice('text', true)).toBe('text')
  })
})
