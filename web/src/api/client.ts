/** The only caller of fetch: JSON in and out, CSRF header, time limit, errors as AppError. Knows no page. */
import { AppError, errorOfAnswer } from './errors'

const TIME_LIMIT_MS = 15_000

let csrfToken = ''

export function setCsrfToken(token: string): void {
  csrfToken = token
}

export interface RequestOptions {
  signal?: AbortSignal
  /** The request outlives the page (heartbeats sent while it is being left). */
  keepalive?: boolean
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export async function request<T>(method: Method, path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
  const answer = await send(method, path, body, options)
  const text = await answer.text()
  const parsed = parse(text)
  if (!answer.ok) throw errorOfAnswer(answer.status, parsed)
  if (parsed === undefined && text !== '') throw new AppError({ code: 'bad_answer', message: `no JSON from ${path}` })
  return parsed as T
}

export function get<T>(path: string, options?: RequestOptions): Promise<T> {
  return request<T>('GET', path, undefined, options)
}

/** A picture that changes now and then: `etag` is the one that is there already. null: not changed. */
export async function getPicture(path: string, etag: string | null): Promise<{ picture: Blob | null; etag: string | null } | 'none'> {
  const answer = await send('GET', path, undefined, {}, etag === null ? {} : { 'If-None-Match': etag })
  if (answer.status === 304) return { picture: null, etag }
  if (answer.status === 204) return 'none'
  if (!answer.ok) throw errorOfAnswer(answer.status, parse(await answer.text()))
  return { picture: await answer.blob(), etag: answer.headers.get('ETag') }
}

export function post<T>(path: string, body?: unknown, options?: RequestOptions): Promise<T> {
  return request<T>('POST', path, body, options)
}

export function put<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
  return request<T>('PUT', path, body, options)
}

async function send(method: Method, path: string, body: unknown, options: RequestOptions, headers: Record<string, string> = {}): Promise<Response> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), TIME_LIMIT_MS)
  const leave = () => limit.abort()
  options.signal?.addEventListener('abort', leave)
  try {
    return await fetch(path, {
      method,
      headers: { ...headersOf(method, body), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: limit.signal,
      keepalive: options.keepalive ?? false,
    })
  } catch (cause) {
    if (options.signal?.aborted) throw cause
    throw new AppError({ code: limit.signal.aborted ? 'timeout' : 'offline', retryable: true }, { cause })
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', leave)
  }
}

function headersOf(method: Method, body: unknown): Record<string, string> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET' && csrfToken) headers['X-CSRF-Token'] = csrfToken
  return headers
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
