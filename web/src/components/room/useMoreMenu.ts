/** What stands under 更多, by form factor and right. */
import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'

import { useRoom } from '@/stores/room'

export type MoreKey = 'devices' | 'layout' | 'quality' | 'switch_camera' | 'fullscreen' | 'panel' | 'language' | 'keys' | 'end'

interface Item {
  key: MoreKey
  label: string
}

export function useMoreMenu(form: 'wide' | 'phone' | 'side', canEnd: ComputedRef<boolean>): ComputedRef<Item[]> {
  const { t } = useI18n()
  const room = useRoom()
  return computed(() => {
    const isWide = form === 'wide'
    const items: (Item | false)[] = [
      !room.isCompanion && { key: 'devices', label: t('room.more.devices') },
      { key: 'layout', label: t(room.mode === 'stage' ? 'room.more.grid' : 'room.more.stage') },
      { key: 'quality', label: t('room.more.quality') },
      !isWide && room.view.local.camera.phase === 'live' && { key: 'switch_camera', label: t('room.more.switch_camera') },
      isWide && { key: 'panel', label: t(room.panelOpen ? 'room.more.hide_panel' : 'room.more.show_panel') },
      isWide && { key: 'fullscreen', label: t('room.more.fullscreen') },
      isWide && { key: 'keys', label: t('room.more.keys') },
      { key: 'language', label: t('room.more.language') },
      !isWide && canEnd.value && { key: 'end', label: t('room.more.end') },
    ]
    return items.filter((item): item is Item => item !== false)
  })
}
