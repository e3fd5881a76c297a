import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { get, getPicture, post, put, setCsrfToken } from './client'
import { AppError } from './errors'

interface Sent {
  path: string
  init: RequestInit & { headers: Record<string, string> }
}

let sent: Sent[] = []
let answer: () => Promise<Response>

beforeEach(() => {
  sent = []
  vi.stubGlobal('fetch', (path: string, init: Sent['init']) => {
    sent.push({ path, init })
    return Promise.race([answer(), new Promise<never>((_resolve, reject) => init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError'))))])
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  setCsrfToken('')
})

const says = (status: number, body: unknown) => () => Promise.resolve(new Response(body === null ? null : JSON.stringify(body), { status }))

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => null,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(AppError)
  return error as AppError
}

describe('requests', () => {
  it('carry the CSRF token when they change something, and only then', async () => {
    setCsrfToken('t0ken')
    answer = says(200, {})
    await get('/api/home')
    await put('/api/x', { a: 1 })
    expect(sent[0]?.init.headers['X-CSRF-Token']).toBeUndefined()
    expect(sent[1]?.init.headers).toMatchObject({ 'X-CSRF-Token': 't0ken', 'Content-Type': 'application/json' })
    expect(sent[1]?.init.body).toBe('{"a":1}')
  })

  it('stay on this site and out of caches', async () => {
    answer = says(200, {})
    await get('/api/home')
    expect(sent[0]?.init).toMatchObject({ credentials: 'same-origin', cache: 'no-store' })
  })

  it('may answer with nothing', async () => {
    answer = says(204, null)
    expect(await post('/api/logout')).toBeUndefined()
  })

  it('outlive the page when asked to', async () => {
    answer = says(200, {})
    await post('/api/watch/s/heartbeat', {}, { keepalive: true })
    expect(sent[0]?.init.keepalive).toBe(true)
  })
})

describe('failures', () => {
  it('keep the stable code, the fields and the error id', async () => {
    answer = says(429, { error: { code: 'login_throttled', message: 'slow', retryable: true, error_id: 'e1', fields: { retry_after_s: '30' } } })
    const error = await failure(post('/api/login', {}))
    expect(error).toMatchObject({ code: 'login_throttled', retryable: true, errorId: 'e1', fields: { retry_after_s: '30' } })
  })

  it.each([
    [401, 'not_signed_in'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [413, 'message_too_large'],
    [429, 'rate_limited'],
    [502, 'bad_answer'],
  ])('of a proxy (%i) become a code, too', async (status, code) => {
    answer = () => Promise.resolve(new Response('<html>', { status }))
    expect((await failure(get('/api/home'))).code).toBe(code)
  })

  it('know an unknown code from a newer server', async () => {
    answer = says(404, { error: { code: 'of_tomorrow', message: '' } })
    expect((await failure(get('/api/home'))).code).toBe('not_found')
  })

  it('are bad_answer when the answer is no JSON', async () => {
    answer = () => Promise.resolve(new Response('hello', { status: 200 }))
    expect((await failure(get('/api/home'))).code).toBe('bad_answer')
  })

  it('are offline when nothing could be sent', async () => {
    answer = () => Promise.reject(new TypeError('Failed to fetch'))
    expect(await failure(get('/api/home'))).toMatchObject({ code: 'offline', retryable: true })
  })

  it('are timeout when nobody answers', async () => {
    vi.useFakeTimers()
    answer = () => new Promise(() => undefined)
    const pending = failure(get('/api/home'))
    await vi.advanceTimersByTimeAsync(15_000)
    expect((await pending).code).toBe('timeout')
  })

  it('are none of ours when the caller gave up', async () => {
    answer = () => new Promise(() => undefined)
    const leaving = new AbortController()
    const pending = get('/api/home', { signal: leaving.signal })
    leaving.abort()
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('a picture', () => {
  it('is asked for with the tag of the one that is there', async () => {
    answer = () => Promise.resolve(new Response(new Blob(['jpeg']), { status: 200, headers: { ETag: '"b"' } }))
    const first = await getPicture('/still', '"a"')
    expect(sent[0]?.init.headers['If-None-Match']).toBe('"a"')
    expect(first).toMatchObject({ etag: '"b"' })
    expect(first === 'none' ? 0 : first.picture?.size).toBe(4)
  })

  it('may be the same, or not there, or refused', async () => {
    answer = () => Promise.resolve(new Response(null, { status: 304 }))
    expect(await getPicture('/still', '"a"')).toEqual({ picture: null, etag: '"a"' })
    answer = () => Promise.resolve(new Response(null, { status: 204 }))
    expect(await getPicture('/still', null)).toBe('none')
    expect(sent[1]?.init.headers['If-None-Match']).toBeUndefined()
    answer = says(403, { error: { code: 'forbidden', message: '', retryable: false, error_id: null, fields: {} } })
    expect((await failure(getPicture('/still', null))).code).toBe('forbidden')
  })
})
