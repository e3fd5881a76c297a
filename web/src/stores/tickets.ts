/**
 * Tickets for rooms: one is kept for each meeting that was looked at, and asked for anew only when it has been used or is
 * near its end. What it says of the own other device is as old as the ticket.
 */
import { defineStore } from 'pinia'

import { post } from '@/api/client'
import type { JoinTicket } from '@/protocol/generated'

import { deviceClass } from './devices'
import { useSession } from './session'

interface Kept {
  readonly ticket: JoinTicket
  readonly receivedMs: number
}

/** The server's clock and this one may differ: a ticket is good by both. */
const KEPT_AT_MOST_MS = 45_000
const NEAR_END_MS = 5000

export const useTickets = defineStore('tickets', () => {
  const session = useSession()
  const kept = new Map<string, Kept>()

  /** Another person at the same browser gets another ticket. */
  const keyOf = (meetingId: string): string => `${session.me?.member_id ?? ''} ${meetingId}`

  /** To know what it says; whoever enters next uses it. */
  async function look(meetingId: string): Promise<JoinTicket> {
    const found = kept.get(keyOf(meetingId))
    if (found && isGood(found)) return found.ticket
    const ticket = await post<JoinTicket>(`/api/meetings/${encodeURIComponent(meetingId)}/ticket`, { device: deviceClass() })
    kept.set(keyOf(meetingId), { ticket, receivedMs: Date.now() })
    return ticket
  }

  /** To enter: it is good once. */
  async function take(meetingId: string): Promise<JoinTicket> {
    const ticket = await look(meetingId)
    kept.delete(keyOf(meetingId))
    return ticket
  }

  return { look, take }
})

function isGood({ ticket, receivedMs }: Kept): boolean {
  const nowMs = Date.now()
  return nowMs - receivedMs < KEPT_AT_MOST_MS && nowMs < ticket.expires_ms - NEAR_END_MS
}
