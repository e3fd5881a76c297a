/** What the room's buttons do. Refusals are said as a toast here, once, unless the caller shows them in place. */
import type { ShallowRef } from 'vue'

import { showToast } from '@/components/base'
import { t } from '@/i18n'
import type { CommandMap, CommandPayload } from '@/protocol/generated'
import { textKeyOf } from '@/room/errors'
import type { Room } from '@/room/Room'
import type { RoomView } from '@/room/view'
import { SignalingError } from '@/signaling/SignalingError'

import type { RoomDerived } from './roomDerived'

export function complain(error: unknown): void {
  const code = error instanceof SignalingError ? error.code : 'internal_error'
  showToast(t(textKeyOf(code)), 'over')
}

export function createActions(current: () => Room | null, view: ShallowRef<RoomView>, derived: RoomDerived) {
  /** True when acknowledged; a refusal has been said already. */
  async function ask<N extends keyof CommandMap>(name: N, payload: CommandPayload<N>): Promise<boolean> {
    try {
      await current()?.request(name, payload)
      return current() !== null
    } catch (error) {
      if (view.value.phase === 'joined') complain(error)
      return false
    }
  }

  /** The caller shows the failure itself and may repeat it under the same id. */
  async function postRemark(text: string, requestId: string): Promise<void> {
    const room = current()
    if (!room) throw new SignalingError('not_joined')
    await room.request('remark.post', { text }, requestId)
  }

  function canSend(): boolean {
    const key = derived.noWayKey.value
    if (key !== null) showToast(t(key))
    return key === null
  }

  function setMicrophone(on: boolean): void {
    if (!on || canSend()) void current()?.setMicrophone(on)
  }

  function toggleCamera(): void {
    const on = view.value.local.camera.phase === 'off'
    if (!on || canSend()) void current()?.setCamera(on)
  }

  async function toggleHand(): Promise<void> {
    if (derived.myPlace.value > 0) await ask('hand.lower', { participant_id: null })
    else await ask('hand.raise', {})
  }

  return {
    ask,
    postRemark,
    toggleHand,
    toggleMicrophone: () => setMicrophone(view.value.local.microphone.phase !== 'live'),
    toggleCamera,
    toggleScreen: () => current()?.setScreen(view.value.local.screen.phase === 'off'),
    setMicrophone,
    useMicrophone: (id: string) => current()?.setDevices({ microphoneId: id }),
    useCamera: (id: string) => current()?.setDevices({ cameraId: id }),
    useSpeaker: (id: string) => current()?.setSpeaker(id),
    switchFacing: (facing: 'user' | 'environment') => current()?.setDevices({ facing }),
    unlockAudio: () => current()?.unlockAudio(),
    handleNetworkChanged: () => current()?.handleNetworkChanged(),
    setHidden: (hidden: boolean) => current()?.setHidden(hidden),
    leave: () => current()?.leave(),
  }
}
