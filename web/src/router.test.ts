import { describe, expect, it } from 'vitest'

import { afterLogin, loginFor } from './router'

describe('deep links', () => {
  it('survive the login', () => {
    expect(loginFor('/replay/r1?t=5')).toEqual({ name: 'login', query: { next: '/replay/r1?t=5' } })
    expect(loginFor('/')).toEqual({ name: 'login' })
    expect(afterLogin('/replay/r1?t=5')).toBe('/replay/r1?t=5')
  })

  it.each(['//evil.example/', '/\\evil.example', 'https://evil.example/', 'javascript:alert(1)', '', undefined, ['/a', '/b']])('never lead elsewhere: %s', (next) => {
    expect(afterLogin(next)).toEqual({ name: 'home' })
  })
})
