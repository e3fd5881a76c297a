/** Which microphones, cameras and speakers there are, and when that changes. Names are known only after permission. */

export interface DeviceChoice {
  readonly deviceId: string
  readonly label: string
}

export interface DeviceList {
  readonly microphones: readonly DeviceChoice[]
  readonly cameras: readonly DeviceChoice[]
  readonly speakers: readonly DeviceChoice[]
}

export const NO_DEVICES: DeviceList = { microphones: [], cameras: [], speakers: [] }

export function sortDevices(found: readonly Pick<MediaDeviceInfo, 'kind' | 'deviceId' | 'label'>[]): DeviceList {
  const ofKind = (kind: MediaDeviceKind): DeviceChoice[] =>
    found.filter((one) => one.kind === kind && one.deviceId !== '').map(({ deviceId, label }) => ({ deviceId, label }))
  return { microphones: ofKind('audioinput'), cameras: ofKind('videoinput'), speakers: ofKind('audiooutput') }
}

export async function listDevices(): Promise<DeviceList> {
  const devices = globalThis.navigator.mediaDevices
  if (!devices) return NO_DEVICES
  return sortDevices(await devices.enumerateDevices())
}

/** Returns the function that ends the watch. */
export function watchDevices(handleChanged: (list: DeviceList) => void): () => void {
  const devices = globalThis.navigator.mediaDevices
  if (!devices) return () => undefined
  const refresh = (): void => void listDevices().then(handleChanged)
  devices.addEventListener('devicechange', refresh)
  return () => devices.removeEventListener('devicechange', refresh)
}
