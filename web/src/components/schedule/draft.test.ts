import { describe, expect, it } from 'vitest'

import { faultsIn, faultsOf, inputOf, nextQuarter, stepOf, type Draft } from './draft'

const NOW = new Date(2026, 10, 25, 9, 0).getTime()

const good: Draft = {
  organisationId: 'o',
  type: 'party_lesson',
  title: ' 学习条例 ',
  day: '2026-11-25',
  start: '15:00',
  end: '16:30',
  place: '',
  items: [
    { key: 1, title: '学习', minutes: '30' },
    { key: 2, title: '讨论', minutes: '' },
  ],
  hostId: 'a',
  recorderId: 'b',
  lecturerId: '',
  observerIds: [],
  record: true,
  notClassified: true,
}

describe('faultsOf', () => {
  it('finds none in a complete draft', () => {
    expect(faultsOf(good, NOW)).toEqual({})
  })

  it('names each field of an empty one', () => {
    const empty: Draft = { ...good, organisationId: '', type: '', title: ' ', day: '', start: '', end: '', items: [], hostId: '', recorderId: '', notClassified: false }
    expect(Object.keys(faultsOf(empty, NOW)).sort()).toEqual(['end_ms', 'host_member_id', 'not_classified', 'organisation_id', 'recorder_member_id', 'start_ms', 'title', 'type'])
  })

  it('knows the past and an end before the start', () => {
    expect(faultsOf({ ...good, start: '08:00' }, NOW)).toEqual({ start_ms: 'past' })
    expect(faultsOf({ ...good, start: '08:58' }, NOW)).toEqual({})
    expect(faultsOf({ ...good, end: '15:00' }, NOW)).toEqual({ end_ms: 'end' })
  })

  it('looks at each agenda item', () => {
    const items = [
      { key: 7, title: ' ', minutes: '' },
      { key: 8, title: '讨论', minutes: '0' },
      { key: 9, title: '讨论', minutes: '1.5' },
      { key: 10, title: '讨论', minutes: '600' },
    ]
    const faults = faultsOf({ ...good, items }, NOW)
    expect(faults).toEqual({ 'item:7': 'item', 'item:8': 'minutes', 'item:9': 'minutes' })
    expect(faultsIn(faults, 'agenda')).toHaveLength(3)
    expect(faultsIn(faults, 'what')).toEqual([])
  })
})

describe('inputOf', () => {
  it('is what the server reads', () => {
    expect(inputOf(good)).toEqual({
      organisation_id: 'o',
      type: 'party_lesson',
      title: '学习条例',
      start_ms: new Date(2026, 10, 25, 15, 0).getTime(),
      end_ms: new Date(2026, 10, 25, 16, 30).getTime(),
      host_member_id: 'a',
      recorder_member_id: 'b',
      lecturer_member_id: null,
      observer_member_ids: [],
      place: '',
      agenda: [
        { title: '学习', planned_minutes: 30 },
        { title: '讨论', planned_minutes: null },
      ],
      not_classified: true,
      record: true,
    })
  })

  it('refuses a draft without a type', () => {
    expect(() => inputOf({ ...good, type: '' })).toThrow()
  })
})

it('puts unknown fields of the server onto the last step', () => {
  expect(stepOf('host_member_id')).toBe('people')
  expect(stepOf('something_new')).toBe('check')
})

it('proposes a quarter of an hour ahead', () => {
  expect(nextQuarter(NOW)).toBe(new Date(2026, 10, 25, 9, 30).getTime())
  expect(nextQuarter(NOW + 1)).toBe(new Date(2026, 10, 25, 9, 45).getTime())
})
