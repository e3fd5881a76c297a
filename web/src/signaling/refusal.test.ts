import { describe, expect, it } from 'vitest'

import { ErrorCode } from '../protocol/generated'
import { judgeRefusal } from './refusal'

describe('judgeRefusal', () => {
  it('tries again when the server could not be reached or is in trouble itself', () => {
    expect(judgeRefusal(null, 0)).toBe('retry')
    expect(judgeRefusal('something_newer_than_this_page', 0)).toBe('retry')
    expect(judgeRefusal(ErrorCode.DATABASE_AWAY, 3)).toBe('retry')
  })

  it('gets a fresh ticket when the old credentials are spent, but not for ever', () => {
    expect(judgeRefusal(ErrorCode.RESUME_EXPIRED, 0)).toBe('new_ticket')
    expect(judgeRefusal(ErrorCode.TICKET_USED, 3)).toBe('new_ticket')
    expect(judgeRefusal(ErrorCode.TICKET_USED, 4)).toBe('stop')
  })

  it('stops where only the person can act', () => {
    for (const code of [ErrorCode.REMOVED, ErrorCode.REPLACED, ErrorCode.ROOM_CLOSED, ErrorCode.FORBIDDEN, ErrorCode.NOT_SIGNED_IN]) {
      expect(judgeRefusal(code, 0)).toBe('stop')
    }
  })
})
