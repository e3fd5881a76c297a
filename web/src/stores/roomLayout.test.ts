import { describe, expect, it } from 'vitest'
import { shallowRef } from 'vue'

import type { WantedPicture } from '@/protocol/generated'
import { participant, publication, roomSnapshot } from '@/room/testRoom'
import { EMPTY_VIEW, type RoomView } from '@/room/view'

import { createLayout } from './roomLayout'

const GRANTS = { publish_audio: true, publish_video: true, share_screen: false, remark: true, moderate: false }

function setUp(change: Parameters<typeof roomSnapshot>[0] = {}) {
  const snapshot = roomSnapshot({
    participants: [participant('me'), participant('wang', { role: 'lecturer', joined_ms: 1 }), participant('zhao', { joined_ms: 2 })],
    publications: [publication('me', 'camera'), publication('wang', 'camera'), publication('zhao', 'camera')],
    ...change,
  })
  const view = shallowRef<RoomView>({ ...EMPTY_VIEW, snapshot, seat: { participantId: 'me', grants: GRANTS, companion: false } })
  const shown: WantedPicture[][] = []
  const layout = createLayout({ view, device: () => 'desktop', show: (pictures) => shown.push(pictures) })
  return { layout, last: () => shown[shown.length - 1] ?? [], count: () => shown.length }
}

describe('the layout', () => {
  it('asks for the stage first and large, for the others small, and never for the own picture', () => {
    const { layout, last } = setUp()
    layout.arrange()
    expect(last()).toEqual([
      { publication_id: 'wang:camera', height_px: 720 },
      { publication_id: 'zhao:camera', height_px: 180 },
    ])
  })

  it('asks anew when a tile takes another step of height, and only then', () => {
    const { layout, last, count } = setUp()
    layout.arrange()
    layout.reportHeight('zhao:camera', 300)
    expect(last()[1]).toEqual({ publication_id: 'zhao:camera', height_px: 360 })
    const before = count()
    layout.reportHeight('zhao:camera', 320)
    layout.reportHeight('zhao:camera', 0)
    expect(count()).toBe(before)
    layout.reset()
    layout.arrange()
    expect(last()[1]?.height_px).toBe(180)
  })

  it('has no tile for a second device that only watches, and one for an encoder', () => {
    const watcher = participant('tablet', { companion_of: 'zhao', device: 'phone' })
    const encoder = participant('hall', { companion_of: 'wang', device: 'encoder' })
    const { layout } = setUp({
      participants: [participant('me'), watcher, encoder],
      publications: [publication('hall', 'camera')],
    })
    layout.arrange()
    expect(layout.gallery.value.shown).toEqual(['hall'])
  })
})
