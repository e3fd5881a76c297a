/** Times as colleagues write them. Pure: the zone is the browser's unless a test names one. */

export type TimeLocale = 'zh-CN' | 'en'

export interface TimeOptions {
  locale: TimeLocale
  /** For "is it this year?"; the caller's clock. */
  nowMs: number
  timeZone?: string
}

interface Parts {
  year: number
  month: number
  day: number
  weekday: string
  hour: string
  minute: string
}

const DAY_MS = 86_400_000

function partsOf(ms: number, locale: TimeLocale, timeZone?: string): Parts {
  const format = new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : 'zh-CN', {
    timeZone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const found = Object.fromEntries(format.formatToParts(ms).map((part) => [part.type, part.value]))
  return {
    year: Number(found.year),
    month: Number(found.month),
    day: Number(found.day),
    weekday: found.weekday ?? '',
    hour: (found.hour ?? '').padStart(2, '0'),
    minute: (found.minute ?? '').padStart(2, '0'),
  }
}

/** 「11月25日（周三）15:00」, with the year when it is not this one. */
export function dateTime(ms: number, options: TimeOptions): string {
  return `${date(ms, options)}${options.locale === 'en' ? ', ' : ''}${clock(ms, options)}`
}

export function date(ms: number, { locale, nowMs, timeZone }: TimeOptions): string {
  const at = partsOf(ms, locale, timeZone)
  const otherYear = at.year !== partsOf(nowMs, locale, timeZone).year
  if (locale === 'en') {
    const month = new Intl.DateTimeFormat('en-GB', { month: 'short', timeZone }).format(ms)
    return `${at.weekday} ${String(at.day)} ${month}${otherYear ? ` ${String(at.year)}` : ''}`
  }
  return `${otherYear ? `${String(at.year)}年` : ''}${String(at.month)}月${String(at.day)}日（${at.weekday}）`
}

export function clock(ms: number, { locale, timeZone }: TimeOptions): string {
  const at = partsOf(ms, locale, timeZone)
  return `${at.hour}:${at.minute}`
}

/** 「11月25日（周三）15:00–16:30」; both days when it ends on another. */
export function span(startMs: number, endMs: number, options: TimeOptions): string {
  const sameDay = date(startMs, options) === date(endMs, options)
  return `${dateTime(startMs, options)}–${sameDay ? clock(endMs, options) : dateTime(endMs, options)}`
}

/** 「38 分钟」「1 小时 5 分钟」「42 秒」: rounded down, never 0 of something that happened. */
export function duration(ms: number, locale: TimeLocale): string {
  const seconds = Math.floor(ms / 1000)
  const [h, min, s] = locale === 'en' ? ['h', 'min', 's'] : ['小时', '分钟', '秒']
  if (seconds < 60) return `${String(seconds)} ${s}`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${String(minutes)} ${min}`
  const rest = minutes % 60
  return `${String(Math.floor(minutes / 60))} ${h}${rest ? ` ${String(rest)} ${min}` : ''}`
}

/** What is still to do, never less than it is: 4:25 left are 「5 分钟」, not 4. */
export function timeLeft(ms: number, locale: TimeLocale): string {
  const unitMs = ms > 60_000 ? 60_000 : 1000
  return duration(Math.ceil(ms / unitMs) * unitMs, locale)
}

/** A place on a recording's timeline: 「3:07」「1:02:09」. */
export function position(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return hours ? `${String(hours)}:${two(minutes)}:${two(seconds % 60)}` : `${String(minutes)}:${two(seconds % 60)}`
}

/** The same for a screen reader: 「23分10秒」. */
export function spokenPosition(ms: number, locale: TimeLocale): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const rest = seconds % 60
  if (locale === 'en') return minutes ? `${String(minutes)} min ${String(rest)} s` : `${String(rest)} s`
  return minutes ? `${String(minutes)}分${String(rest)}秒` : `${String(rest)}秒`
}

/** Calendar days from now until then in the reader's zone: 0 today, negative when past. */
export function daysUntil(ms: number, nowMs: number, timeZone?: string): number {
  return Math.round((civilDay(ms, timeZone) - civilDay(nowMs, timeZone)) / DAY_MS)
}

function civilDay(ms: number, timeZone?: string): number {
  const at = partsOf(ms, 'en', timeZone)
  return Date.UTC(at.year, at.month - 1, at.day)
}

/** Values of native date and time inputs. */
export function inputDate(ms: number): string {
  const at = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

export function inputTime(ms: number): string {
  const at = new Date(ms)
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`
}

/** Local day and time of two inputs as an instant; null while they are incomplete. */
export function instantOf(day: string, time: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || !/^\d{2}:\d{2}/.test(time)) return null
  const ms = new Date(`${day}T${time.slice(0, 5)}:00`).getTime()
  return Number.isNaN(ms) ? null : ms
}
