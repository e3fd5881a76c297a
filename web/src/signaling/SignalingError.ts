/** Why a request or a connection failed. Owns the codes that only a client can find out; knows nothing of texts. */
import type { ErrorCode } from '../protocol/generated'

/** `request_timeout`: connected, but no acknowledgement in time. `connection_lost`: no connection for too long. */
export type ClientCode = 'request_timeout' | 'connection_lost'
export type SignalingCode = ErrorCode | ClientCode

export interface SignalingErrorOptions {
  message?: string
  retryable?: boolean
  errorId?: string | null
  fields?: Record<string, string>
}

export class SignalingError extends Error {
  readonly code: SignalingCode
  readonly retryable: boolean
  readonly errorId: string | null
  readonly fields: Record<string, string>

  constructor(code: SignalingCode, options: SignalingErrorOptions = {}) {
    super(options.message ?? code)
    this.name = 'SignalingError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.errorId = options.errorId ?? null
    this.fields = options.fields ?? {}
  }
}
