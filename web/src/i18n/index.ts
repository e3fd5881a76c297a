/** The one place that knows vue-i18n. Chinese is the source language and part of the shell; the rest comes on demand. */
import { createI18n } from 'vue-i18n'

import { compileMessage } from './compileMessage'
import { fetchSection, type AllSections, type Locale, type Section } from './sections'
import type { Translated } from './shape'
import zh from './zh'

export type { Locale, Section } from './sections'
export type Messages = Translated<typeof zh & AllSections>

export const i18n = createI18n<[Messages], Locale, false>({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messageCompiler: (message) => compileMessage(String(message)),
  messages: { 'zh-CN': zh } as unknown as Record<Locale, Messages>,
})

/** Outside components: formatters, stores, room code. */
export const t = i18n.global.t

const wanted = new Set<Section>()
const loaded = new Set<string>()

export function currentLocale(): Locale {
  return i18n.global.locale.value
}

export async function useLocale(locale: Locale): Promise<void> {
  if (locale === 'en' && !i18n.global.availableLocales.includes('en')) {
    i18n.global.setLocaleMessage('en', (await import('./en')).default as unknown as Messages)
  }
  await Promise.all([...wanted].map((section) => mergeSection(locale, section)))
  i18n.global.locale.value = locale
  document.documentElement.lang = locale
}

/** Before a page is shown: its words in the present language. */
export async function useSection(section: Section): Promise<void> {
  wanted.add(section)
  await mergeSection(currentLocale(), section)
}

async function mergeSection(locale: Locale, section: Section): Promise<void> {
  const key = `${locale}/${section}`
  if (loaded.has(key)) return
  i18n.global.mergeLocaleMessage(locale, { [section]: await fetchSection(locale, section) })
  loaded.add(key)
}
