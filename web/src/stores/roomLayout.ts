/** Who is big and who stands beside it: the pure layouts, kept up to date, and what the server is asked to send for them. */
import { ref, shallowRef, type ShallowRef } from 'vue'

import type { WantedPicture } from '@/protocol/generated'
import { withoutWatchers } from '@/room/companions'
import type { DeviceClass } from '@/rtc/profiles'
import { arrangeGallery, EMPTY_GALLERY } from '@/room/layouts/gallery'
import { cameraOf, EMPTY_STAGE, selectStage } from '@/room/layouts/stage'
import { heightStep } from '@/room/pictures'
import type { RoomView } from '@/room/view'

export type LayoutMode = 'stage' | 'grid'

/** Others beside the stage (ux.md §5.2: desktop 1 + 8, phone 1 + 3). */
const CAPACITY: Readonly<Record<DeviceClass, number>> = { desktop: 8, phone: 3 }

/** Asked for until a tile has been measured. */
const FIRST_STAGE_PX: Readonly<Record<DeviceClass, number>> = { desktop: 720, phone: 360 }
const FIRST_TILE_PX = 180

export interface LayoutOptions {
  view: ShallowRef<RoomView>
  device(): DeviceClass
  show(pictures: WantedPicture[]): void
}

export function createLayout(options: LayoutOptions) {
  const stage = shallowRef(EMPTY_STAGE)
  const gallery = shallowRef(EMPTY_GALLERY)
  const mode = ref<LayoutMode>('stage')
  const ownPin = ref<string | null>(null)
  /** Publication → how high its picture is on this screen, in steps. */
  const heights = new Map<string, number>()

  function arrange(): void {
    const { snapshot: whole, speakers, seat } = options.view.value
    if (!whole || !seat) return
    const snapshot = withoutWatchers(whole)
    const input = { snapshot, speakers, myId: seat.participantId }
    const nowMs = Date.now()
    stage.value = selectStage(stage.value, { ...input, ownPin: ownPin.value }, nowMs)
    gallery.value = arrangeGallery(gallery.value, { ...input, capacity: CAPACITY[options.device()] }, nowMs)
    const faces = gallery.value.shown.map((id) => cameraOf({ participant_id: id }, snapshot))
    const shown = [stage.value.publicationId, ...faces].filter((id): id is string => id !== null)
    const others = [...new Set(shown)].filter((id) => !id.startsWith(`${seat.participantId}:`))
    options.show(others.map((id) => ({ publication_id: id, height_px: heightOf(id) })))
  }

  function heightOf(id: string): number {
    return heights.get(id) ?? (id === stage.value.publicationId ? FIRST_STAGE_PX[options.device()] : FIRST_TILE_PX)
  }

  /** A tile has been laid out: `heightPx` in the page's pixels. */
  function reportHeight(publicationId: string, heightPx: number): void {
    const before = heights.get(publicationId)
    const step = heightStep(heightPx * window.devicePixelRatio, before)
    if (step === before || heightPx <= 0) return
    heights.set(publicationId, step)
    arrange()
  }

  function pin(publicationId: string | null): void {
    ownPin.value = publicationId
    arrange()
  }

  function reset(): void {
    stage.value = EMPTY_STAGE
    gallery.value = EMPTY_GALLERY
    ownPin.value = null
    heights.clear()
  }

  return { stage, gallery, mode, ownPin, arrange, pin, reset, reportHeight }
}
