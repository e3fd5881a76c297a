/** What a refusal of the connection or of `room.join` means for the next attempt. Pure. */
import { ErrorCode } from '../protocol/generated'
import { SignalingError } from './SignalingError'

/** `retry`: same credentials, later. `new_ticket`: at once, with a fresh ticket. `stop`: the user must act. */
export type RefusalAnswer = 'retry' | 'new_ticket' | 'stop'

const NEW_TICKET: ReadonlySet<string> = new Set([
  ErrorCode.TICKET_EXPIRED,
  ErrorCode.TICKET_INVALID,
  ErrorCode.TICKET_USED,
  ErrorCode.RESUME_EXPIRED,
  ErrorCode.NOT_JOINED,
])

const RETRY: ReadonlySet<string> = new Set([
  ErrorCode.DATABASE_AWAY,
  ErrorCode.LOG_UNAVAILABLE,
  ErrorCode.INTERNAL_ERROR,
  ErrorCode.MEDIA_UNAVAILABLE,
  ErrorCode.RATE_LIMITED,
])

/** A server that keeps refusing fresh tickets is not going to change its mind. */
const MAX_TICKETS_IN_A_ROW = 4

const KNOWN: ReadonlySet<string> = new Set(Object.values(ErrorCode))

export function isErrorCode(value: string | null): value is ErrorCode {
  return value !== null && KNOWN.has(value)
}

export function judgeRefusal(code: string | null, ticketsInARow: number): RefusalAnswer {
  if (!isErrorCode(code) || RETRY.has(code)) return 'retry'
  if (NEW_TICKET.has(code)) return ticketsInARow < MAX_TICKETS_IN_A_ROW ? 'new_ticket' : 'stop'
  return 'stop'
}

/** Whatever went wrong, in words that have a text. */
export function asSignalingError(error: unknown): SignalingError {
  if (error instanceof SignalingError) return error
  const code = (error as { code?: string } | null)?.code ?? null
  return isErrorCode(code) ? new SignalingError(code) : new SignalingError('internal_error', { message: String(error) })
}
