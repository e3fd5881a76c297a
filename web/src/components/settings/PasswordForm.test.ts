import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { useSession } from '@/stores/session'

import { passwordFaults } from './passwordFaults'

const ME = { member_id: 'm', name: '王建国', account: 'member', branch: null, rights: [], manages: [], csrf_token: 'first', must_change_password: true }

function answer(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
}

describe('what the form says before it asks the server', () => {
  it('wants the old one, twelve characters, a difference, and the same twice', () => {
    expect(passwordFaults({ old: '', next: 'short', again: 'other' })).toEqual({ old: 'needed', next: 'too_short', again: 'differ' })
    expect(passwordFaults({ old: 'long-enough-one', next: 'long-enough-one', again: 'long-enough-one' })).toEqual({ next: 'unchanged' })
    expect(passwordFaults({ old: 'x', next: '不忘初心牢记使命继续前进', again: '不忘初心牢记使命继续前进' })).toEqual({})
  })

  it('counts characters as people do', () => {
    expect(passwordFaults({ old: 'x', next: '😀'.repeat(6), again: '😀'.repeat(6) })).toEqual({ next: 'too_short' })
  })
})

describe('changing the password', () => {
  let fetched: ReturnType<typeof vi.fn>

  beforeEach(() => {
    setActivePinia(createPinia())
    fetched = vi.fn()
    vi.stubGlobal('fetch', fetched)
  })

  afterEach(() => vi.unstubAllGlobals())

  it('asks with the CSRF token and takes the answer as who I am now', async () => {
    const session = useSession()
    fetched.mockResolvedValueOnce(answer(200, ME))
    await session.load()
    fetched.mockResolvedValueOnce(answer(200, { ...ME, must_change_password: false }))
    await session.changePassword({ old: 'old', new: 'quite-another-one' })
    const [path, init] = fetched.mock.calls[1] as [string, RequestInit]
    expect(path).toBe('/api/me/password')
    expect(JSON.parse(init.body as string)).toEqual({ old: 'old', new: 'quite-another-one' })
    expect((init.headers as Record<string, string>)['X-CSRF-Token']).toBe('first')
    expect(session.me?.must_change_password).toBe(false)
  })

  it('leaves me signed in when the old one was wrong', async () => {
    const session = useSession()
    fetched.mockResolvedValueOnce(answer(200, ME))
    await session.load()
    fetched.mockResolvedValueOnce(answer(401, { error: { code: 'bad_credentials', message: 'no', retryable: false } }))
    await expect(session.changePassword({ old: 'wrong', new: 'quite-another-one' })).rejects.toMatchObject({ code: 'bad_credentials' })
    expect(session.signedIn).toBe(true)
    expect(session.me?.must_change_password).toBe(true)
  })
})
