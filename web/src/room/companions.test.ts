import { describe, expect, it } from 'vitest'

import { companionsBySeat, rowsOf, seatsOf, withoutWatchers } from './companions'
import { participant, publication, roomSnapshot } from './testRoom'

const wang = participant('wang')
const phone = participant('wang-phone', { companion_of: 'wang', device: 'phone' })
const encoder = participant('hall', { companion_of: 'wang', device: 'encoder' })
const orphan = participant('left-behind', { companion_of: 'gone' })
const people = [phone, wang, encoder, orphan]

describe('companions', () => {
  it('are not counted and stand beside their seat', () => {
    expect(seatsOf(people)).toEqual([wang])
    expect(companionsBySeat(people).get('wang')).toEqual([phone, encoder])
    expect(companionsBySeat([wang]).size).toBe(0)
  })

  it('have a row of their own when they send, or are without their seat', () => {
    expect(rowsOf(people)).toEqual([wang, encoder, orphan])
  })

  it('take no place among the pictures unless they send one', () => {
    const snapshot = roomSnapshot({ participants: people, publications: [publication('hall', 'camera')] })
    expect(withoutWatchers(snapshot).participants).toEqual([wang, encoder])
    const plain = roomSnapshot()
    expect(withoutWatchers(plain)).toBe(plain)
  })
})
