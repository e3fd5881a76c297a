/** The room as Vue sees it: a mirror of Room's view with layout and actions, from entering to leaving the page. */
import { defineStore } from 'pinia'
import { ref, shallowRef, watch } from 'vue'

import { get } from '@/api/client'
import { showToast } from '@/components/base'
import type { BroadcastInfo } from '@/protocol/generated'
import { Room } from '@/room/Room'
import type { RoomListener } from '@/room/RoomState'
import { EMPTY_VIEW, type RoomNotice, type RoomView } from '@/room/view'

import { deviceClass, useDevices } from './devices'
import { complain, createActions } from './roomActions'
import { deriveFrom } from './roomDerived'
import { createLayout } from './roomLayout'
import { noticeText } from './roomNotices'
import { useTickets } from './tickets'

export type PanelTab = 'people' | 'hands' | 'agenda' | 'remarks'

/** Speakers take the stage and clocks go on without any event. */
const TICK_MS = 500

declare global {
  interface Window {
    /** For measurements: only in development, or when this browser asked for it. */
    __huitang?: { room: Room; readonly pc: RTCPeerConnection | null }
  }
}

export const useRoom = defineStore('room', () => {
  const devices = useDevices()
  const view = shallowRef<RoomView>(EMPTY_VIEW)
  const nowMs = ref(Date.now())
  const meetingId = ref('')
  const tab = ref<PanelTab>('people')
  const panelOpen = ref(true)
  /** How this page came in last; after the end the view does not know any more. */
  const asCompanion = ref(false)
  const notice = shallowRef<RoomNotice | null>(null)
  let room: Room | null = null
  let timer: ReturnType<typeof setInterval> | undefined

  const derived = deriveFrom(view, nowMs)
  const actions = createActions(() => room, view, derived)
  const layout = createLayout({ view, device: deviceClass, show: (pictures) => room?.setShown(pictures) })

  watch(() => devices.level, (level) => room?.chooseLevel(level))

  /** As a `companion` beside one's other device, which keeps the seat. */
  function enter(id: string, companion = false): void {
    close()
    meetingId.value = id
    asCompanion.value = companion
    layout.reset()
    const handleView = (next: RoomView) => entered === room && follow(next)
    const entered: Room = createRoom(id, companion, { handleView, handleNotice: say, handleRefused: complain })
    room = entered
    expose(entered)
    takeChoices(entered, devices)
    timer = setInterval(tick, TICK_MS)
    entered.enter()
  }

  function follow(next: RoomView): void {
    const before = view.value
    view.value = next
    if (before.phase !== 'joined' && next.phase === 'joined') turnOnWhatWasWished()
    if (next.snapshot !== before.snapshot || next.speakers !== before.speakers) layout.arrange()
    if (next.phase === 'closed') clearInterval(timer)
  }

  function turnOnWhatWasWished(): void {
    const wished = devices.takeEntry()
    room?.sendWhenPossible((['microphone', 'camera'] as const).filter((source) => wished[source]))
  }

  function tick(): void {
    nowMs.value = Date.now()
    layout.arrange()
  }

  function say(next: RoomNotice): void {
    notice.value = next
    const said = noticeText(next)
    if (said) showToast(said.text, said.tone)
  }

  /** The page is left, or entered anew. */
  function close(): void {
    clearInterval(timer)
    const leaving = room
    room = null
    view.value = EMPTY_VIEW
    notice.value = null
    delete window.__huitang
    void leaving?.leave()
  }

  return { view, nowMs, meetingId, asCompanion, tab, panelOpen, notice, ...derived, ...layout, ...actions, enter, close }
})

function createRoom(meetingId: string, companion: boolean, listener: RoomListener): Room {
  const device = deviceClass()
  const path = `/api/meetings/${encodeURIComponent(meetingId)}`
  return new Room({
    device,
    companion,
    listener,
    fetchTicket: () => useTickets().take(meetingId),
    fetchBroadcast: () => get<BroadcastInfo>(`${path}/broadcast`),
  })
}

function takeChoices(room: Room, devices: ReturnType<typeof useDevices>): void {
  void room.setDevices({ microphoneId: devices.microphoneId || undefined, cameraId: devices.cameraId || undefined })
  if (devices.speakerId) void room.setSpeaker(devices.speakerId)
  room.chooseLevel(devices.level)
}

function expose(room: Room): void {
  if (!import.meta.env.DEV && localStorage.getItem('huitang.debug') !== '1') return
  window.__huitang = {
    room,
    get pc() {
      return room.connection
    },
  }
}
