/**
 * Requests that wait for their acknowledgement. Survives a lost connection: the same request id is sent again after the
 * next join, so that the server does it once and no answer is lost. Knows nothing of sockets but how to emit.
 */
import type { Ack } from '../protocol/generated'
import { newRequestId } from './requestId'
import { SignalingError } from './SignalingError'

/** One try on a living connection; a second one follows with the same id, then the caller hears of it. */
const TRY_TIMEOUT_MS = 8000
const TRIES = 2
/** Without a connection a request waits this long in all. */
const OFFLINE_LIMIT_MS = 60_000

export type Emit = (name: string, payload: unknown, acknowledged: (ack: Ack) => void) => void

interface Pending {
  readonly name: string
  readonly payload: Record<string, unknown>
  readonly resolve: (data: unknown) => void
  readonly reject: (error: SignalingError) => void
  readonly offlineTimer: ReturnType<typeof setTimeout>
  tryTimer: ReturnType<typeof setTimeout> | null
  tries: number
}

export class PendingRequests {
  private readonly waiting = new Map<string, Pending>()
  private emit: Emit | null = null

  get size(): number {
    return this.waiting.size
  }

  /** Sends at once when connected, otherwise after the next join. A `requestId` given again repeats that request. */
  add(name: string, payload: object, requestId: string = newRequestId()): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting.set(requestId, {
        name,
        payload: { ...payload, request_id: requestId },
        resolve,
        reject,
        offlineTimer: setTimeout(() => this.fail(requestId, new SignalingError('connection_lost', { retryable: true })), OFFLINE_LIMIT_MS),
        tryTimer: null,
        tries: 0,
      })
      if (this.emit) this.send(requestId)
    })
  }

  /** Joined: everything that waits goes out in its order. */
  handleConnected(emit: Emit): void {
    this.emit = emit
    for (const [id, pending] of this.waiting) {
      pending.tries = 0
      this.send(id)
    }
  }

  handleDisconnected(): void {
    this.emit = null
    for (const pending of this.waiting.values()) {
      if (pending.tryTimer) clearTimeout(pending.tryTimer)
      pending.tryTimer = null
    }
  }

  rejectAll(error: SignalingError): void {
    this.emit = null
    for (const id of [...this.waiting.keys()]) this.fail(id, error)
  }

  private send(id: string): void {
    const pending = this.waiting.get(id)
    if (!pending || !this.emit) return
    pending.tries += 1
    if (pending.tryTimer) clearTimeout(pending.tryTimer)
    pending.tryTimer = setTimeout(() => this.handleTryTimeout(id), TRY_TIMEOUT_MS)
    this.emit(pending.name, pending.payload, (ack) => this.handleAck(id, ack))
  }

  private handleTryTimeout(id: string): void {
    const pending = this.waiting.get(id)
    if (!pending) return
    if (pending.tries < TRIES) this.send(id)
    else this.fail(id, new SignalingError('request_timeout', { retryable: true }))
  }

  private handleAck(id: string, ack: Ack): void {
    if (!ack.ok) return this.fail(id, errorFromAck(ack))
    const pending = this.take(id)
    pending?.resolve(ack.data ?? null)
  }

  private fail(id: string, error: SignalingError): void {
    this.take(id)?.reject(error)
  }

  private take(id: string): Pending | undefined {
    const pending = this.waiting.get(id)
    if (!pending) return undefined
    this.waiting.delete(id)
    clearTimeout(pending.offlineTimer)
    if (pending.tryTimer) clearTimeout(pending.tryTimer)
    return pending
  }
}

export function errorFromAck(ack: Ack): SignalingError {
  const error = ack.error
  if (!error) return new SignalingError('internal_error', { message: 'refused without a reason' })
  return new SignalingError(error.code, {
    message: error.message,
    retryable: error.retryable,
    errorId: error.error_id ?? null,
    fields: error.fields ?? {},
  })
}
