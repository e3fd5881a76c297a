/** M, V, H, 1–4 and F. Never while somebody types or a Chinese word is being composed. */
import { useEventListener } from '@vueuse/core'

import { useRoom, type PanelTab } from '@/stores/room'

const TABS: readonly PanelTab[] = ['people', 'hands', 'agenda', 'remarks']

export function isTyping(event: KeyboardEvent): boolean {
  if (event.isComposing) return true
  const target = event.target
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)
}

export function useRoomKeys(isFree: () => boolean, toggleFullscreen: () => void): void {
  const room = useRoom()
  const byKey: Record<string, () => void> = {
    m: () => room.grants?.publish_audio && room.toggleMicrophone(),
    v: () => room.grants?.publish_video && room.toggleCamera(),
    h: () => room.canRaiseHand && void room.toggleHand(),
    f: toggleFullscreen,
  }
  TABS.forEach((tab, index) => {
    byKey[String(index + 1)] = () => {
      room.tab = tab
      room.panelOpen = true
    }
  })
  useEventListener(window, 'keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event) || !isFree()) return
    const act = byKey[event.key.toLowerCase()]
    if (!act) return
    event.preventDefault()
    act()
  })
}
