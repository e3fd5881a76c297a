/** Which devices the person chose, here and for the next time; what the lobby hands over to the room. */
import { useLocalStorage } from '@vueuse/core'
import { defineStore } from 'pinia'
import { reactive, ref, shallowRef, watch, type Ref } from 'vue'

import type { QualityLevel } from '@/protocol/generated'
import { listDevices, NO_DEVICES, watchDevices, type DeviceList } from '@/rtc/devices'
import type { DeviceClass } from '@/rtc/profiles'

const PHONE_MAX_PX = 600
const KEPT_LEVELS: readonly QualityLevel[] = ['stage', 'stills']

/** By the screen, not the window: a narrow window on a computer still decodes like a computer. */
export function deviceClass(screen: { width: number; height: number } = window.screen): DeviceClass {
  return Math.min(screen.width, screen.height) < PHONE_MAX_PX ? 'phone' : 'desktop'
}

export const useDevices = defineStore('devices', () => {
  const list = shallowRef<DeviceList>(NO_DEVICES)
  const microphoneId = useLocalStorage('huitang.microphone', '')
  const cameraId = useLocalStorage('huitang.camera', '')
  const speakerId = useLocalStorage('huitang.speaker', '')
  const level = rememberedLevel()
  /** What to turn on when the room opens; off unless the person said so in the lobby. */
  const entry = reactive({ microphone: false, camera: false, companion: false })

  async function refresh(): Promise<void> {
    list.value = await listDevices()
  }

  /** Until the returned function is called. */
  function follow(): () => void {
    void refresh()
    return watchDevices((next) => (list.value = next))
  }

  /** A remembered device that is not plugged in today: the system's default. */
  function present(id: string, choices: readonly { deviceId: string }[]): string {
    return choices.some((one) => one.deviceId === id) ? id : ''
  }

  function takeEntry(): { microphone: boolean; camera: boolean } {
    const taken = { microphone: entry.microphone, camera: entry.camera }
    entry.microphone = false
    entry.camera = false
    return taken
  }

  /** Whether the room is entered beside the own other device. */
  function takeCompanion(): boolean {
    const taken = entry.companion
    entry.companion = false
    return taken
  }

  return { list, microphoneId, cameraId, speakerId, level, entry, refresh, follow, present, takeEntry, takeCompanion }
})

/**
 * What the person wants of pictures and sound; null: as much as fits. Less data is remembered for the next meeting.
 * Without sound is not: who comes again would take the silence for a fault.
 */
function rememberedLevel(): Ref<QualityLevel | null> {
  const kept = useLocalStorage<string>('huitang.level', '')
  const level = ref<QualityLevel | null>(KEPT_LEVELS.find((one) => one === kept.value) ?? null)
  watch(level, (next) => (kept.value = KEPT_LEVELS.find((one) => one === next) ?? ''))
  return level
}
