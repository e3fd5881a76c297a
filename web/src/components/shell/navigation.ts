/** Which areas this person sees, in which order. Phones show at most four, so officers swap 补课 for 台账 there. */
import type { Component } from 'vue'
import IconLedger from '~icons/tabler/book-2'
import IconHome from '~icons/tabler/home'
import IconMakeup from '~icons/tabler/player-play'
import IconMeetings from '~icons/tabler/users-group'
import IconMe from '~icons/tabler/user'

import type { Right } from '@/protocol/generated'

export interface Area {
  key: 'home' | 'meetings' | 'makeup' | 'ledger' | 'settings'
  to: string
  icon: Component
}

const HOME: Area = { key: 'home', to: '/', icon: IconHome }
const MEETINGS: Area = { key: 'meetings', to: '/meetings', icon: IconMeetings }
const MAKEUP: Area = { key: 'makeup', to: '/makeup', icon: IconMakeup }
const LEDGER: Area = { key: 'ledger', to: '/ledger', icon: IconLedger }
const ME: Area = { key: 'settings', to: '/settings', icon: IconMe }

/** Whether a page belongs to the area: those below its own, and for 补课 what is watched there. */
export function isIn(area: Area, path: string): boolean {
  const isBelow = (root: string): boolean => path === root || path.startsWith(`${root}/`)
  if (area.to === '/') return path === '/'
  return isBelow(area.to) || (area.key === 'makeup' && isBelow('/replay'))
}

export function readsLedger(rights: readonly Right[]): boolean {
  return rights.some((right) => right === 'read_ledger' || right === 'inspect' || right === 'record' || right === 'host')
}

export function desktopAreas(rights: readonly Right[]): Area[] {
  return readsLedger(rights) ? [HOME, MEETINGS, MAKEUP, LEDGER] : [HOME, MEETINGS, MAKEUP]
}

export function phoneAreas(rights: readonly Right[]): Area[] {
  return [HOME, MEETINGS, readsLedger(rights) ? LEDGER : MAKEUP, ME]
}
