import { describe, expect, it } from 'vitest'

import { participant, publication, roomSnapshot } from '../testRoom'
import { arrangeGallery, EMPTY_GALLERY, SWAP_INTERVAL_MS } from './gallery'

const names = Array.from({ length: 12 }, (_, index) => `p${String(index).padStart(2, '0')}`)
const people = names.map((id, index) => participant(id, { joined_ms: index }))
const room = roomSnapshot({ participants: [participant('me'), ...people] })

describe('arrangeGallery', () => {
  it('puts lecturer, host, whole rooms and faces before the rest', () => {
    const mixed = roomSnapshot({
      participants: [participant('me'), participant('plain'), participant('face'), participant('site', { device: 'site' }), participant('host', { role: 'host' }), participant('lecturer', { role: 'lecturer' })],
      publications: [publication('face', 'camera')],
    })
    const state = arrangeGallery(EMPTY_GALLERY, { snapshot: mixed, speakers: [], myId: 'me', capacity: 4 }, 0)
    expect(state.shown).toEqual(['lecturer', 'host', 'site', 'face'])
  })

  it('leaves everybody where they were when somebody comes or goes', () => {
    const few = roomSnapshot({ participants: people.slice(0, 3) })
    const first = arrangeGallery(EMPTY_GALLERY, { snapshot: few, speakers: [], myId: 'me', capacity: 8 }, 0)
    const changed = roomSnapshot({ participants: [people[2], people[0], participant('new', { role: 'lecturer' })].filter((one) => one !== undefined) })
    const second = arrangeGallery(first, { snapshot: changed, speakers: [], myId: 'me', capacity: 8 }, 0)
    expect(second.shown).toEqual(['p00', 'p02', 'new'])
  })

  it('brings a speaker from off the page in, at the least important place, at most every two seconds', () => {
    const input = { snapshot: room, myId: 'me', capacity: 4 }
    const first = arrangeGallery(EMPTY_GALLERY, { ...input, speakers: [] }, 0)
    const second = arrangeGallery(first, { ...input, speakers: ['p09'] }, 1000)
    expect(second.shown).toEqual(['p00', 'p01', 'p02', 'p09'])
    const tooSoon = arrangeGallery(second, { ...input, speakers: ['p10'] }, 1000 + SWAP_INTERVAL_MS - 1)
    expect(tooSoon.shown).toEqual(second.shown)
    const third = arrangeGallery(tooSoon, { ...input, speakers: ['p10', 'p09'] }, 1000 + SWAP_INTERVAL_MS)
    expect(third.shown).toEqual(['p00', 'p01', 'p10', 'p09'])
  })

  it('moves nobody when who speaks is seen already', () => {
    const input = { snapshot: room, myId: 'me', capacity: 4 }
    const first = arrangeGallery(EMPTY_GALLERY, { ...input, speakers: [] }, 0)
    expect(arrangeGallery(first, { ...input, speakers: ['p01'] }, 9000).shown).toEqual(first.shown)
  })

  it('shows a face rather than an avatar', () => {
    const faced = { ...room, publications: [publication('p11', 'camera')] }
    const input = { snapshot: room, speakers: [], myId: 'me', capacity: 4 }
    const first = arrangeGallery(EMPTY_GALLERY, input, 0)
    expect(arrangeGallery(first, { ...input, snapshot: faced }, 9000).shown).toEqual(['p00', 'p01', 'p02', 'p11'])
  })

  it('does not push lecturer, host or rooms off the page', () => {
    const officers = roomSnapshot({
      participants: [participant('l', { role: 'lecturer' }), participant('h', { role: 'host' }), participant('s', { device: 'site' }), participant('x')],
    })
    const input = { snapshot: officers, myId: 'me', capacity: 3 }
    const first = arrangeGallery(EMPTY_GALLERY, { ...input, speakers: [] }, 0)
    expect(arrangeGallery(first, { ...input, speakers: ['x'] }, 9000).shown).toEqual(['l', 'h', 's'])
  })
})
