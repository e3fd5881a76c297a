import { beforeEach, describe, expect, it } from 'vitest'

import { dropAllDrafts, dropDraft, keepDraft, readDraft } from './drafts'

beforeEach(() => localStorage.clear())

describe('drafts', () => {
  it('come back until they are dropped', () => {
    keepDraft('entry-1', { summary: '很好' })
    expect(readDraft('entry-1')).toEqual({ summary: '很好' })
    dropDraft('entry-1')
    expect(readDraft('entry-1')).toBeNull()
  })

  it('leave nothing of a person behind at logout, and nothing else', () => {
    keepDraft('entry-1', 1)
    keepDraft('entry-2', 2)
    localStorage.setItem('huitang.locale', 'en')
    dropAllDrafts()
    expect(Object.keys(localStorage)).toEqual(['huitang.locale'])
  })

  it('survive a spoilt storage', () => {
    localStorage.setItem('huitang.draft.entry-1', '{')
    expect(readDraft('entry-1')).toBeNull()
  })
})
