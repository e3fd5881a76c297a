/** Which of the room's three forms fits the window (ux.md §2). */
import { useMediaQuery } from '@vueuse/core'
import { computed } from 'vue'

export type ScreenForm = 'desktop' | 'portrait' | 'landscape'

export function useScreenForm() {
  const isFlat = useMediaQuery('(orientation: landscape) and (max-height: 500px)')
  const isWide = useMediaQuery('(min-width: 900px)')
  return computed<ScreenForm>(() => {
    if (isFlat.value) return 'landscape'
    return isWide.value ? 'desktop' : 'portrait'
  })
}
