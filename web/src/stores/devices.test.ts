import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import { nextTick } from 'vue'

import { deviceClass, useDevices } from './devices'

beforeEach(() => {
  localStorage.clear()
})

/** The page is opened. */
function opened() {
  setActivePinia(createPinia())
  return useDevices()
}

describe('what is remembered for the next meeting', () => {
  it('is that less data is wanted, but never silence', async () => {
    const first = opened()
    expect(first.level).toBeNull()
    first.level = 'stage'
    await nextTick()
    expect(opened().level).toBe('stage')
    const second = opened()
    second.level = 'text'
    await nextTick()
    expect(opened().level).toBeNull()
  })

  it('is nothing that this page does not know', () => {
    localStorage.setItem('huitang.level', 'sepia')
    expect(opened().level).toBeNull()
  })
})

describe('what the lobby hands over', () => {
  it('is taken once', () => {
    const devices = opened()
    devices.entry.companion = true
    devices.entry.camera = true
    expect(devices.takeCompanion()).toBe(true)
    expect(devices.takeCompanion()).toBe(false)
    expect(devices.takeEntry()).toEqual({ microphone: false, camera: true })
    expect(devices.takeEntry()).toEqual({ microphone: false, camera: false })
  })
})

describe('deviceClass', () => {
  it('goes by the screen, whichever way it is held', () => {
    expect(deviceClass({ width: 390, height: 844 })).toBe('phone')
    expect(deviceClass({ width: 844, height: 390 })).toBe('phone')
    expect(deviceClass({ width: 768, height: 1024 })).toBe('desktop')
  })
})
