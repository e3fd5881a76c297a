import { describe, expect, it } from 'vitest'

import { desktopAreas, isIn } from './navigation'

describe('the area a page belongs to', () => {
  const here = (path: string) => desktopAreas(['read_ledger']).filter((area) => isIn(area, path)).map((area) => area.key)

  it('is the same for an object and its list', () => {
    expect(here('/meetings')).toEqual(['meetings'])
    expect(here('/meetings/01a2')).toEqual(['meetings'])
    expect(here('/ledger/01a2')).toEqual(['ledger'])
    expect(here('/replay/01a2')).toEqual(['makeup'])
  })

  it('is home for the first page alone, and none for the account', () => {
    expect(here('/')).toEqual(['home'])
    expect(here('/settings')).toEqual([])
  })
})
