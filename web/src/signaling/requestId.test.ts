import { describe, expect, it } from 'vitest'

import { newRequestId } from './requestId'

describe('newRequestId', () => {
  it('uses the browser where the context is secure', () => {
    const source = { randomUUID: () => '11111111-2222-4333-8444-555555555555' } as unknown as Crypto
    expect(newRequestId(source)).toBe('11111111-2222-4333-8444-555555555555')
  })

  it('is 128 random bits on plain http, where randomUUID is missing', () => {
    const source = { getRandomValues: (bytes: Uint8Array) => bytes.fill(0xab) } as unknown as Crypto
    expect(newRequestId(source)).toBe('ab'.repeat(16))
  })

  it('does not repeat itself', () => {
    expect(new Set(Array.from({ length: 100 }, () => newRequestId())).size).toBe(100)
  })
})
