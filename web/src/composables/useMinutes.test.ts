import { describe, expect, it } from 'vitest'

import type { RemarkInfo } from '@/protocol/generated'

import { paragraphsOf, withParagraphs } from './useMinutes'

const remark = (name: string, text: string): RemarkInfo => ({ remark_id: name, participant_id: 'p', member_id: 'm', name, kind: 'text', text, at_ms: 0, until_ms: null })
const two = [remark('王建国', '同意'), remark('李红梅', '建议下周讨论')]

describe('remarks in the minutes', () => {
  it('stand one paragraph per speaker', () => {
    expect(paragraphsOf(two)).toBe('王建国：同意\n李红梅：建议下周讨论')
  })

  it('come after what is written already', () => {
    expect(withParagraphs('传达文件。\n', two)).toBe('传达文件。\n王建国：同意\n李红梅：建议下周讨论')
    expect(withParagraphs('', two)).toBe(paragraphsOf(two))
  })
})
