/** Open while the host waits for an answer: somebody with an open microphone need not be asked. */
import { ref, watch } from 'vue'

import { useRoom } from '@/stores/room'

export function useFloorQuestion() {
  const room = useRoom()
  const open = ref(false)
  watch(
    () => room.notice,
    (notice) => {
      if (notice?.kind === 'floor_given' && room.view.local.microphone.phase !== 'live') open.value = true
    },
  )
  watch(
    () => room.hasFloor,
    (has) => {
      if (!has) open.value = false
    },
  )
  return open
}
