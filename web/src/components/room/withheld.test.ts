import { describe, expect, it } from 'vitest'

import { participant } from '@/room/testRoom'

import { allowWithout, rightsOf } from './withheld'

describe('withheld', () => {
  it('offers to take what the role gives', () => {
    expect(rightsOf(participant('a', { role: 'member' }))).toEqual(['audio', 'video'])
    expect(rightsOf(participant('a', { role: 'lecturer' }))).toEqual(['audio', 'video', 'screen'])
    expect(rightsOf(participant('a', { role: 'observer' }))).toEqual([])
  })

  it('offers to take what a device sends', () => {
    expect(rightsOf(participant('hall', { role: 'host', device: 'encoder', companion_of: 'a' }))).toEqual(['audio', 'video'])
    expect(rightsOf(participant('phone', { role: 'host', device: 'phone', companion_of: 'a' }))).toEqual([])
  })

  it('turns one right around and leaves the others as they are', () => {
    expect(allowWithout([], 'audio')).toEqual({ audio: false, video: true, screen: true })
    expect(allowWithout(['audio', 'screen'], 'audio')).toEqual({ audio: true, video: true, screen: false })
    expect(allowWithout(['audio'], 'video')).toEqual({ audio: false, video: false, screen: true })
  })
})
