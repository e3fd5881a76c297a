/** The one place that knows vue-i18n. Chinese is the source language and part of the shell; English is loaded on demand. */
import { createI18n } from 'vue-i18n'

import zh from './zh'
import type { Translated } from './shape'

export type Locale = 'zh-CN' | 'en'
export type Messages = Translated<typeof zh>

export const i18n = createI18n<[Messages], Locale, false>({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh } as Record<Locale, Messages>,
})

/** Outside components: formatters, stores, room code. */
export const t = i18n.global.t

export async function useLocale(locale: Locale): Promise<void> {
  if (locale === 'en' && !i18n.global.availableLocales.includes('en')) {
    i18n.global.setLocaleMessage('en', (await import('./en')).default)
  }
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
}
