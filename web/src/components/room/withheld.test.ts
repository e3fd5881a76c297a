import { describe, expect, it } from 'vitest'

import { allowWithout, rightsOf } from './withheld'

describe('withheld', () => {
  it('offers to take what the role gives', () => {
    expect(rightsOf({ role: 'member' })).toEqual(['audio', 'video'])
    expect(rightsOf({ role: 'lecturer' })).toEqual(['audio', 'video', 'screen'])
    expect(rightsOf({ role: 'observer' })).toEqual([])
  })

  it('turns one right around and leaves the others as they are', () => {
    expect(allowWithout([], 'audio')).toEqual({ audio: false, video: true, screen: true })
    expect(allowWithout(['audio', 'screen'], 'audio')).toEqual({ audio: true, video: true, screen: false })
    expect(allowWithout(['audio'], 'video')).toEqual({ audio: false, video: false, screen: true })
  })
})
