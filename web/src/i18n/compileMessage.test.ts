import { describe, expect, it } from 'vitest'

import { compileMessage } from './compileMessage'
import { i18n } from '.'

const values = (given: Record<string, unknown>) => ({ named: (name: string) => given[name] })

describe('a text', () => {
  it('is shown with what is put into it, as often as it is named', () => {
    expect(compileMessage('{n} 人，{name}；{n}')(values({ n: 3, name: '李红梅' }))).toBe('3 人，李红梅；3')
  })

  it('shows nothing for what is not given, and what is given as it is', () => {
    expect(compileMessage('[{a}{b}]')(values({ b: '{a} $1 $&' }))).toBe('[{a} $1 $&]')
  })

  it('is what the app uses', () => {
    expect(i18n.global.t('words.expected_present', { expected: 30, present: 28 })).toContain('28')
  })
})
