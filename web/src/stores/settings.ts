/** What this device remembers for its user: language, text size, theme. Nothing of it leaves the browser. */
import { defineStore } from 'pinia'
import { computed, ref, watch, watchEffect, type Ref } from 'vue'

import { useLocale, type Locale } from '@/i18n'

export type Theme = 'system' | 'light' | 'dark'

export const useSettings = defineStore('settings', () => {
  const locale = remembered<Locale>('huitang.locale', ['zh-CN', 'en'])
  const textSize = remembered<'usual' | 'big'>('huitang.text-size', ['usual', 'big'])
  const theme = remembered<Theme>('huitang.theme', ['system', 'light', 'dark'])
  const bigText = computed({ get: () => textSize.value === 'big', set: (on) => (textSize.value = on ? 'big' : 'usual') })

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

/** One of a few words, the first unless this browser remembers another. Private windows may forbid remembering. */
function remembered<T extends string>(key: string, words: readonly [T, ...T[]]): Ref<T> {
  const word = ref(words.find((one) => one === read(key)) ?? words[0]) as Ref<T>
  watch(word, (next) => {
    try {
      localStorage.setItem(key, next)
    } catch {
      // It holds until the page is closed.
    }
  })
  return word
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}
