/**
 * Tells the server what played, in order, one request at a time, and keeps what could not be sent.
 *
 * The server believes no more playing time than its own clock saw pass since the last heartbeat. What could not be sent
 * is therefore joined into one longer claim; several short ones in a burst would be refused.
 * Knows no video element, no page, no timer.
 */
import { AppError } from '@/api/errors'
import type { Heartbeat, HeartbeatAnswer, WatchSession } from '@/protocol/generated'

import type { Played } from './playedSpans'

export type BeatReason = NonNullable<Heartbeat['reason']>

interface Claim extends Played {
  reason: BeatReason
  promptId: string | null
}

export interface HeartbeatPorts {
  openSession: () => Promise<WatchSession>
  send: (sessionId: string, beat: Heartbeat, keepalive: boolean) => Promise<HeartbeatAnswer>
  onSession: (session: WatchSession) => void
  onAnswer: (answer: HeartbeatAnswer) => void
  /** Claims wait because the last attempt failed; null: all is sent. */
  onTrouble: (error: AppError | null) => void
}

export class Heartbeats {
  private session: { id: string; nonce: string; nonceSeq: number; seq: number } | null = null
  private opening: Promise<void> | null = null
  private claims: Claim[] = []
  private readonly underWay = new Set<Claim>()

  constructor(private readonly ports: HeartbeatPorts) {}

  /** What played but is not confirmed yet. */
  get unconfirmed(): readonly Played[] {
    return this.claims
  }

  /** Opens the watch session: before the first play, because the server's clock for it starts here. */
  async start(): Promise<void> {
    if (this.session) return
    this.opening ??= this.open().finally(() => (this.opening = null))
    await this.opening
  }

  /** Adds a claim; `leaving` sends it at once, even beside a request under way, because the page may be gone after. */
  report(played: Played | null, reason: BeatReason, options: { promptId?: string; leaving?: boolean; atMs: number }): void {
    const nothing = { fromMs: options.atMs, toMs: options.atMs, rate: played?.rate ?? 1, visible: played?.visible ?? true }
    if (!played && !options.promptId && reason !== 'prompt') return
    this.claims.push({ ...(played ?? nothing), reason, promptId: options.promptId ?? null })
    void this.flush(options.leaving ?? false)
  }

  /** Sends what waits; called again by the page's timer after trouble. */
  async flush(leaving = false): Promise<void> {
    if (this.underWay.size > 0 && !leaving) return
    const waiting = joined(this.claims.filter((claim) => !this.underWay.has(claim)))
    const [claim] = waiting
    if (!this.session || !claim) return
    this.claims = [...this.underWay, ...waiting]
    await this.attempt(this.session, claim, leaving)
  }

  private async attempt(session: NonNullable<typeof this.session>, claim: Claim, leaving: boolean): Promise<void> {
    const seq = ++session.seq
    this.underWay.add(claim)
    try {
      const answer = await this.ports.send(session.id, beatOf(claim, session.nonce, seq), leaving)
      if (seq > session.nonceSeq) Object.assign(session, { nonce: answer.nonce, nonceSeq: seq })
      this.underWay.delete(claim)
      this.claims = this.claims.filter((waiting) => waiting !== claim)
      this.ports.onTrouble(null)
      this.ports.onAnswer(answer)
    } catch (error) {
      this.underWay.delete(claim)
      this.failed(AppError.from(error))
      return
    }
    await this.flush()
  }

  private failed(error: AppError): void {
    if (error.code === 'watch_session_over') {
      // What an ended session claims can no longer be judged: it stays a hole, and is watched again.
      this.claims = []
      this.session = null
      void this.start().catch((cause: unknown) => this.ports.onTrouble(AppError.from(cause)))
    }
    this.ports.onTrouble(error)
  }

  private async open(): Promise<void> {
    const session = await this.ports.openSession()
    this.session = { id: session.session_id, nonce: session.nonce, nonceSeq: 0, seq: 0 }
    this.ports.onSession(session)
  }
}

function beatOf(claim: Claim, nonce: string, seq: number): Heartbeat {
  return {
    nonce,
    seq,
    from_ms: Math.round(claim.fromMs),
    to_ms: Math.round(claim.toMs),
    rate: claim.rate,
    visible: claim.visible,
    prompt_id: claim.promptId,
    reason: claim.reason,
  }
}

/** Neighbours that continue one another at the same speed become one claim. */
function joined(claims: readonly Claim[]): Claim[] {
  const result: Claim[] = []
  for (const claim of claims) {
    const last = result.at(-1)
    const continues = last && last.toMs === claim.fromMs && last.rate === claim.rate && last.visible === claim.visible && !last.promptId
    if (continues) result[result.length - 1] = { ...claim, fromMs: last.fromMs }
    else result.push(claim)
  }
  return result
}
