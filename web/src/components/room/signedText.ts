/** Signed in, and by whom, in words. */
import type { RollEntry } from '@/protocol/generated'

export function signedText(t: (key: string, named?: Record<string, unknown>) => string, signed: boolean, entry: RollEntry | undefined): string {
  if (entry?.method === 'proxy' && entry.signed_in_by) return t('room.people.signed_in_proxy', { name: entry.signed_in_by })
  return t(signed ? 'room.people.signed_in' : 'room.people.not_signed_in')
}
