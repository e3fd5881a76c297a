/** The table of pages. One object, one page; every route but the login needs a session and survives it as a deep link. */
import { createRouter, createWebHistory, type RouteLocationRaw } from 'vue-router'

import { AppError } from '@/api/errors'
import { t, useSection, type Section } from '@/i18n'
import { useSession } from '@/stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** Readable without a session. */
    public?: boolean
    /** No navigation around it. */
    bare?: boolean
    /** Dark surroundings. */
    scene?: 'room'
    /** i18n key of the document title. */
    title?: string
    /** Words to load before the page. */
    section?: Section
  }
}

export const router = createRouter({
  history: createWebHistory(),
  // 72 px: the bar that stays on top.
  scrollBehavior: (to, _from, saved) => saved ?? (to.hash ? { el: to.hash, top: 72 } : { top: 0 }),
  routes: [
    { path: '/login', name: 'login', component: () => import('@/views/LoginView.vue'), meta: { public: true, bare: true, title: 'login.title' } },
    { path: '/', name: 'home', component: () => import('@/views/HomeView.vue'), meta: { title: 'common.nav.home' } },
    { path: '/meetings', name: 'meetings', component: () => import('@/views/MeetingsView.vue'), meta: { title: 'common.nav.meetings' } },
    { path: '/meetings/new', name: 'schedule', component: () => import('@/views/ScheduleView.vue'), meta: { section: 'schedule', title: 'schedule.title' } },
    { path: '/meetings/:id', name: 'meeting', component: () => import('@/views/MeetingView.vue'), props: true, meta: { title: 'common.nav.meetings' } },
    { path: '/meetings/:id/lobby', name: 'lobby', component: () => import('@/views/LobbyView.vue'), props: true, meta: { section: 'room', bare: true, scene: 'room', title: 'room.title' } },
    { path: '/meetings/:id/room', name: 'room', component: () => import('@/views/RoomView.vue'), props: true, meta: { section: 'room', bare: true, scene: 'room', title: 'room.title' } },
    { path: '/makeup', name: 'makeup', component: () => import('@/views/MakeupView.vue'), meta: { section: 'replay', title: 'common.nav.makeup' } },
    { path: '/replay/:id', name: 'replay', component: () => import('@/views/ReplayView.vue'), props: true, meta: { section: 'replay', title: 'replay.title' } },
    { path: '/ledger', name: 'ledger', component: () => import('@/views/LedgerView.vue'), meta: { section: 'ledger', title: 'common.nav.ledger' } },
    { path: '/ledger/:id', name: 'entry', component: () => import('@/views/LedgerEntryView.vue'), props: true, meta: { section: 'ledger', title: 'common.nav.ledger' } },
    { path: '/settings', name: 'settings', component: () => import('@/views/SettingsView.vue'), meta: { title: 'common.nav.settings' } },
    { path: '/:path(.*)*', name: 'not-found', component: () => import('@/views/NotFoundView.vue'), meta: { public: true, title: 'common.state.not_found_title' } },
  ],
})

router.beforeEach(async (to) => {
  const session = useSession()
  if (to.meta.public && to.name !== 'login') return true
  try {
    await session.load()
  } catch (error) {
    // The page itself will say that there is no network; a login form would be the wrong answer.
    if (error instanceof AppError) return true
    throw error
  }
  if (to.name === 'login') return session.signedIn ? afterLogin(to.query.next) : true
  return session.signedIn ? true : loginFor(to.fullPath)
})

// Views are loaded by now or on their way; their words come beside them.
router.beforeResolve(async (to) => {
  if (to.meta.section) await useSection(to.meta.section)
})

router.afterEach((to) => {
  document.documentElement.dataset.scene = to.meta.scene ?? 'page'
  document.title = to.meta.title ? `${t(to.meta.title)} · ${t('common.app')}` : t('common.app')
})

export function loginFor(path: string): RouteLocationRaw {
  return path === '/' ? { name: 'login' } : { name: 'login', query: { next: path } }
}

/** Only paths of this very site are followed: `//host` and `/\host` leave it. */
export function afterLogin(next: unknown): RouteLocationRaw {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : { name: 'home' }
}
