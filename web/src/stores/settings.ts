/** What this device remembers for its user: language, text size, theme. Nothing of it leaves the browser. */
import { useLocalStorage } from '@vueuse/core'
import { defineStore } from 'pinia'
import { watchEffect } from 'vue'

import { useLocale, type Locale } from '@/i18n'

export type Theme = 'system' | 'light' | 'dark'

export const useSettings = defineStore('settings', () => {
  const locale = useLocalStorage<Locale>('huitang.locale', 'zh-CN')
  const bigText = useLocalStorage('huitang.big-text', false)
  const theme = useLocalStorage<Theme>('huitang.theme', 'system')

  /** Makes the document follow the settings; called once by main. */
  async function apply(): Promise<void> {
    const darkSystem = window.matchMedia('(prefers-color-scheme: dark)')
    watchEffect(() => {
      document.documentElement.toggleAttribute('data-big-text', bigText.value)
    })
    const paint = () => {
      const dark = theme.value === 'dark' || (theme.value === 'system' && darkSystem.matches)
      document.documentElement.dataset.theme = dark ? 'dark' : 'light'
    }
    darkSystem.addEventListener('change', paint)
    watchEffect(paint)
    await useLocale(locale.value)
  }

  async function setLocale(next: Locale): Promise<void> {
    locale.value = next
    await useLocale(next)
  }

  return { locale, bigText, theme, apply, setLocale }
})
