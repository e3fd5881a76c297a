/** Camera picture and microphone level in the lobby. Opens nothing by itself. */
import { ref, shallowRef } from 'vue'

import { LevelMeter } from '@/rtc/LevelMeter'
import { LocalMedia } from '@/rtc/LocalMedia'
import { MediaAccessError } from '@/rtc/mediaAccess'
import { deviceClass, useDevices } from '@/stores/devices'

export function usePreview(handleProblem: (problem: MediaAccessError) => void) {
  const devices = useDevices()
  const microphone = shallowRef<MediaStreamTrack | null>(null)
  const camera = shallowRef<MediaStreamTrack | null>(null)
  const level = ref(0)
  const busy = ref(false)
  let meter: LevelMeter | null = null

  const media = new LocalMedia({
    device: deviceClass(),
    handleEnded: (source) => (source === 'microphone' ? setMicrophone(null) : (camera.value = null)),
  })

  function setMicrophone(track: MediaStreamTrack | null): void {
    meter?.close()
    meter = track ? new LevelMeter(track, (now) => (level.value = now)) : null
    microphone.value = track
    level.value = 0
  }

  async function opened(open: () => Promise<MediaStreamTrack>): Promise<MediaStreamTrack | null> {
    busy.value = true
    try {
      const track = await open()
      void devices.refresh() // names are known only now
      return track
    } catch (error) {
      if (error instanceof MediaAccessError) handleProblem(error)
      return null
    } finally {
      busy.value = false
    }
  }

  async function toggleMicrophone(): Promise<void> {
    if (microphone.value) {
      media.stop('microphone')
      return setMicrophone(null)
    }
    setMicrophone(await opened(() => media.startMicrophone(devices.microphoneId || undefined)))
  }

  async function toggleCamera(): Promise<void> {
    if (camera.value) {
      media.stop('camera')
      camera.value = null
      return
    }
    camera.value = await opened(() => media.startCamera(devices.cameraId || undefined))
  }

  /** Another device was chosen while this one is on. */
  async function restart(kind: 'microphone' | 'camera'): Promise<void> {
    if (kind === 'microphone' && microphone.value) setMicrophone(await opened(() => media.startMicrophone(devices.microphoneId || undefined)))
    if (kind === 'camera' && camera.value) camera.value = await opened(() => media.startCamera(devices.cameraId || undefined))
  }

  function stop(): void {
    setMicrophone(null)
    camera.value = null
    media.stopAll()
  }

  return { microphone, camera, level, busy, toggleMicrophone, toggleCamera, restart, stop }
}
