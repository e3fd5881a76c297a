/** What the host can take from a person, and what is left when one of it is taken or given back. Pure. */
import type { ParticipantInfo, RoomRole } from '@/protocol/generated'
import { isEncoder } from '@/room/companions'

export type Right = ParticipantInfo['withheld'][number]

const SHARERS: readonly RoomRole[] = ['host', 'recorder', 'lecturer']

/** Only who could share by role can be kept from it; of second devices only an encoder sends anything. */
export function rightsOf(person: Pick<ParticipantInfo, 'role' | 'device' | 'companion_of'>): Right[] {
  if (person.companion_of !== null) return isEncoder(person) ? ['audio', 'video'] : []
  if (person.role === 'observer') return []
  return SHARERS.includes(person.role) ? ['audio', 'video', 'screen'] : ['audio', 'video']
}

/** All of what is allowed after `changed` has turned around. */
export function allowWithout(withheld: readonly Right[], changed: Right): Record<Right, boolean> {
  const allowed = (right: Right): boolean => withheld.includes(right) === (right === changed)
  return { audio: allowed('audio'), video: allowed('video'), screen: allowed('screen') }
}
