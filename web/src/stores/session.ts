/** Who is signed in. The cookie is the server's; here is only what the page needs to draw itself. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { get, post, setCsrfToken } from '@/api/client'
import { AppError } from '@/api/errors'
import type { Login, Me, PasswordChange, Right } from '@/protocol/generated'

import { dropAllDrafts } from './drafts'

export const useSession = defineStore('session', () => {
  const me = ref<Me | null>(null)
  const known = ref(false)
  const signedIn = computed(() => me.value !== null)

  function accept(next: Me | null): void {
    me.value = next
    known.value = true
    setCsrfToken(next?.csrf_token ?? '')
  }

  /** Asks the server once who we are; "nobody" is an answer, a lost network is an error. */
  async function load(): Promise<void> {
    if (known.value) return
    try {
      accept(await get<Me>('/api/me'))
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_signed_in') accept(null)
      else throw error
    }
  }

  async function login(body: Login): Promise<void> {
    accept(await post<Me>('/api/login', body))
  }

  async function logout(): Promise<void> {
    await post('/api/logout')
    dropAllDrafts()
    accept(null)
  }

  /** All my other sessions end; this one goes on. */
  async function changePassword(body: PasswordChange): Promise<void> {
    accept(await post<Me>('/api/me/password', body))
  }

  /** The server said the session is over. */
  function forget(): void {
    accept(null)
  }

  function may(right: Right): boolean {
    return me.value?.rights.includes(right) ?? false
  }

  return { me, known, signedIn, load, login, logout, changePassword, forget, may }
})
