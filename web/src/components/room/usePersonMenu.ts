/** What the host can do about one person: stage, floor, sound, and what that person may send. */
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'

import type { ParticipantInfo } from '@/protocol/generated'
import { cameraOf } from '@/room/layouts/stage'
import { useRoom } from '@/stores/room'

import { allowWithout, rightsOf, type Right } from './withheld'

export function usePersonMenu(person: () => ParticipantInfo, remove: () => void) {
  const { t } = useI18n()
  const room = useRoom()
  const camera = computed(() => (room.snapshot ? cameraOf(person(), room.snapshot) : null))
  const isPinned = computed(() => camera.value !== null && room.snapshot?.pinned_publication_id === camera.value)

  const items = computed(() => {
    const one = person()
    const pin = { key: 'pin', label: t(isPinned.value ? 'room.people.unpin' : 'room.people.pin'), disabled: camera.value === null }
    if (one.participant_id === room.myId) return [pin]
    const rights = rightsOf(one).map((right) => ({ key: right, label: t(`room.people.${one.withheld.includes(right) ? 'allow' : 'withhold'}.${right}`) }))
    const leave = { key: 'remove', label: t('room.people.remove') }
    if (one.companion_of !== null) return [pin, ...rights, leave]
    const floor = { key: 'floor', label: t('room.people.give_floor'), disabled: one.withheld.includes('audio') }
    const mute = { key: 'mute', label: t('room.people.mute'), disabled: room.mutedIds.has(one.participant_id) }
    return [pin, floor, mute, ...rights, leave]
  })

  function act(key: string): void {
    const id = { participant_id: person().participant_id }
    if (key === 'mute') void room.ask('participant.mute', id)
    else if (key === 'floor') void room.ask('floor.give', id)
    else if (key === 'remove') remove()
    else if (key === 'pin') void room.ask('stage.pin', { publication_id: isPinned.value ? null : camera.value })
    else void room.ask('participant.allow', { ...id, ...allowWithout(person().withheld, key as Right) })
  }

  return { items, act }
}
