/** Puts a component of the room on a page of its own, with real words and stores. For tests. */
import { createPinia, setActivePinia } from 'pinia'
import { createApp, type Component } from 'vue'

import { i18n, useSection } from '@/i18n'
import { useRoom } from '@/stores/room'

export async function mountInRoom(component: Component, props: Record<string, unknown> = {}) {
  await useSection('room')
  const pinia = createPinia()
  setActivePinia(pinia)
  const page = document.createElement('div')
  document.body.replaceChildren(page)
  const app = createApp(component, props).use(pinia).use(i18n)
  app.mount(page)
  return { page, room: useRoom(), see: (testId: string) => page.querySelector<HTMLElement>(`[data-testid="${testId}"]`), unmount: () => app.unmount() }
}
