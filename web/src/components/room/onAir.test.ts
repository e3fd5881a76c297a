import { describe, expect, it } from 'vitest'
import { nextTick } from 'vue'

import { roomSnapshot } from '@/room/testRoom'
import { EMPTY_VIEW, type RoomView } from '@/room/view'
import { useDevices } from '@/stores/devices'

import QualityChoice from './QualityChoice.vue'
import RoomToolbar from './RoomToolbar.vue'
import { mountInRoom } from './testMount'

const GRANTS = { publish_audio: true, publish_video: true, share_screen: true, remark: true, moderate: true }
const LIVE: RoomView = { ...EMPTY_VIEW, phase: 'joined', media: 'connected', snapshot: roomSnapshot(), seat: { participantId: 'me', grants: GRANTS, companion: false } }
const ON_AIR: RoomView = { ...LIVE, media: 'interrupted', broadcast: { state: 'live', playlistUrl: '/live.m3u8' } }

describe('who watches the broadcast', () => {
  it('is offered only what makes a difference there', async () => {
    const { page, room } = await mountInRoom(QualityChoice)
    room.view = LIVE
    await nextTick()
    const offered = () => [...page.querySelectorAll<HTMLInputElement>('input')].map((one) => one.dataset.testid)
    expect(offered()).toEqual(['quality-auto', 'quality-stage', 'quality-stills', 'quality-audio', 'quality-text'])
    useDevices().level = 'audio'
    room.view = ON_AIR
    await nextTick()
    expect(offered()).toEqual(['quality-auto', 'quality-text'])
    const [broadcast, text] = page.querySelectorAll<HTMLInputElement>('input')
    expect(broadcast?.checked).toBe(true)
    expect(page.textContent).toContain('看广播')
    text?.click()
    await nextTick()
    expect(useDevices().level).toBe('text')
    broadcast?.click()
    await nextTick()
    expect(useDevices().level).toBeNull()
  })

  it('reads on the buttons why microphone and camera do nothing', async () => {
    const { room, see } = await mountInRoom(RoomToolbar, { form: 'phone' })
    room.view = LIVE
    await nextTick()
    for (const button of ['toggle-microphone', 'toggle-camera']) expect(see(button)?.getAttribute('aria-disabled')).toBeNull()
    room.view = ON_AIR
    await nextTick()
    for (const button of ['toggle-microphone', 'toggle-camera']) {
      expect(see(button)?.getAttribute('aria-disabled')).toBe('true')
      expect(see(button)?.title).toContain('广播模式下不能开麦')
    }
  })

  it('reads it also before the broadcast begins, where media can never come', async () => {
    const { room, see } = await mountInRoom(RoomToolbar, { form: 'phone' })
    room.view = { ...LIVE, media: 'refused' }
    await nextTick()
    expect(see('toggle-microphone')?.getAttribute('aria-disabled')).toBe('true')
    expect(see('toggle-microphone')?.title).not.toBe('')
  })
})
