import { describe, expect, it } from 'vitest'

import { clock, dateTime, daysUntil, duration, inputDate, inputTime, instantOf, position, span, spokenPosition, timeLeft } from './time'

const zone = 'Asia/Shanghai'
const lesson = Date.UTC(2026, 10, 25, 7, 0)
const zh = { locale: 'zh-CN', nowMs: lesson, timeZone: zone } as const
const en = { locale: 'en', nowMs: lesson, timeZone: zone } as const

describe('dates', () => {
  it('are written as in a notice', () => {
    expect(dateTime(lesson, zh)).toBe('11月25日（周三）15:00')
    expect(dateTime(lesson, en)).toBe('Wed 25 Nov, 15:00')
  })

  it('carry the year when it is another one', () => {
    expect(dateTime(lesson, { ...zh, nowMs: Date.UTC(2027, 3, 1) })).toBe('2026年11月25日（周三）15:00')
    expect(dateTime(lesson, { ...en, nowMs: Date.UTC(2027, 3, 1) })).toBe('Wed 25 Nov 2026, 15:00')
  })

  it('say midnight as 00:00', () => {
    expect(clock(Date.UTC(2026, 10, 24, 16, 0), zh)).toBe('00:00')
  })

  it('name the day once when a meeting ends on it', () => {
    expect(span(lesson, lesson + 5_400_000, zh)).toBe('11月25日（周三）15:00–16:30')
    expect(span(lesson, lesson + 36_000_000, zh)).toBe('11月25日（周三）15:00–11月26日（周四）01:00')
  })
})

describe('daysUntil', () => {
  it('counts calendar days, not 24 hours', () => {
    const evening = Date.UTC(2026, 10, 25, 15, 59)
    expect(daysUntil(evening + 120_000, evening, zone)).toBe(1)
    expect(daysUntil(evening, evening - 3_600_000, zone)).toBe(0)
    expect(daysUntil(evening - 86_400_000, evening, zone)).toBe(-1)
  })
})

describe('lengths', () => {
  it.each([
    [42_999, '42 秒', '42 s'],
    [60_000, '1 分钟', '1 min'],
    [38 * 60_000, '38 分钟', '38 min'],
    [3_600_000, '1 小时', '1 h'],
    [3_900_000, '1 小时 5 分钟', '1 h 5 min'],
  ])('%i ms', (ms, chinese, english) => {
    expect(duration(ms, 'zh-CN')).toBe(chinese)
    expect(duration(ms, 'en')).toBe(english)
  })

  it('positions have seconds in two digits', () => {
    expect(position(-5)).toBe('0:00')
    expect(position(187_400)).toBe('3:07')
    expect(position(3_729_000)).toBe('1:02:09')
    expect(spokenPosition(1_390_000, 'zh-CN')).toBe('23分10秒')
    expect(spokenPosition(9_000, 'en')).toBe('9 s')
    expect(spokenPosition(69_000, 'en')).toBe('1 min 9 s')
  })
})

describe('native inputs', () => {
  it('come back as the same instant', () => {
    const at = new Date(2026, 10, 25, 15, 0).getTime()
    expect(instantOf(inputDate(at), inputTime(at))).toBe(at)
  })

  it('are null while incomplete', () => {
    expect(instantOf('', '15:00')).toBeNull()
    expect(instantOf('2026-11-25', '')).toBeNull()
    expect(instantOf('2026-13-45', '15:00')).toBeNull()
  })
})

describe('what is still to do', () => {
  it.each([
    [265_000, '5 分钟', '5 min'],
    [60_000, '1 分钟', '1 min'],
    [44_200, '45 秒', '45 s'],
    [59_400, '1 分钟', '1 min'],
    [3_600_001, '1 小时 1 分钟', '1 h 1 min'],
    [0, '0 秒', '0 s'],
  ])('%i ms is never told as less', (ms, chinese, english) => {
    expect(timeLeft(ms, 'zh-CN')).toBe(chinese)
    expect(timeLeft(ms, 'en')).toBe(english)
  })
})
