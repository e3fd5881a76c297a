/** Who is big and who stands beside it: the pure layouts, kept up to date, and what the server is asked to send for them. */
import { ref, shallowRef, type ShallowRef } from 'vue'

import type { DeviceClass } from '@/rtc/profiles'
import { arrangeGallery, EMPTY_GALLERY } from '@/room/layouts/gallery'
import { cameraOf, EMPTY_STAGE, selectStage } from '@/room/layouts/stage'
import type { RoomView } from '@/room/view'

export type LayoutMode = 'stage' | 'grid'

/** Others beside the stage (ux.md §5.2: desktop 1 + 8, phone 1 + 3). */
const CAPACITY: Readonly<Record<DeviceClass, number>> = { desktop: 8, phone: 3 }

export interface LayoutOptions {
  view: ShallowRef<RoomView>
  device(): DeviceClass
  lowData(): boolean
  show(publicationIds: string[]): void
}

export function createLayout(options: LayoutOptions) {
  const stage = shallowRef(EMPTY_STAGE)
  const gallery = shallowRef(EMPTY_GALLERY)
  const mode = ref<LayoutMode>('stage')
  const ownPin = ref<string | null>(null)

  function arrange(): void {
    const { snapshot, speakers, seat } = options.view.value
    if (!snapshot || !seat) return
    const input = { snapshot, speakers, myId: seat.participantId }
    const nowMs = Date.now()
    stage.value = selectStage(stage.value, { ...input, ownPin: ownPin.value }, nowMs)
    gallery.value = arrangeGallery(gallery.value, { ...input, capacity: CAPACITY[options.device()] }, nowMs)
    const faces = options.lowData() ? [] : gallery.value.shown.map((id) => cameraOf({ participant_id: id }, snapshot))
    const wanted = [stage.value.publicationId, ...faces].filter((id): id is string => id !== null)
    options.show([...new Set(wanted)].filter((id) => !id.startsWith(`${seat.participantId}:`)))
  }

  function pin(publicationId: string | null): void {
    ownPin.value = publicationId
    arrange()
  }

  function reset(): void {
    stage.value = EMPTY_STAGE
    gallery.value = EMPTY_GALLERY
    ownPin.value = null
  }

  return { stage, gallery, mode, ownPin, arrange, pin, reset }
}
