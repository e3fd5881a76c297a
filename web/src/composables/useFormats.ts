/** The formatters of format/time in the page's language. */
import { useNow } from '@vueuse/core'
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'

import type { Locale } from '@/i18n'
import { clock, date, dateTime, daysUntil, duration, span, timeLeft } from '@/format/time'

export function useFormats() {
  const { locale } = useI18n<[], Locale>()
  const now = useNow({ interval: 30_000 })
  const options = computed(() => ({ locale: locale.value as Locale, nowMs: now.value.getTime() }))
  return {
    now: computed(() => options.value.nowMs),
    clock: (ms: number) => clock(ms, options.value),
    date: (ms: number) => date(ms, options.value),
    dateTime: (ms: number) => dateTime(ms, options.value),
    span: (startMs: number, endMs: number) => span(startMs, endMs, options.value),
    duration: (ms: number) => duration(ms, options.value.locale),
    timeLeft: (ms: number) => timeLeft(ms, options.value.locale),
    daysUntil: (ms: number) => daysUntil(ms, options.value.nowMs),
  }
}
