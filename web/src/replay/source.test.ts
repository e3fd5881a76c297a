import { describe, expect, it } from 'vitest'

import { nativeBehindMs, playsHlsItself } from './source'

describe('who plays HLS itself', () => {
  it.each([
    ['iPhone', 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1', 5, true],
    ['iPad as a Mac', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15', 5, true],
    ['WeChat on iPhone', 'Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.40', 5, true],
    ['Mac', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15', 0, false],
    ['WeChat on Android', 'Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/116 Mobile Safari/537.36 XWEB/1160 MicroMessenger/8.0.40', 5, false],
    ['Windows', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130 Safari/537.36', 10, false],
  ])('%s', (_name, userAgent, maxTouchPoints, expected) => {
    expect(playsHlsItself({ userAgent, maxTouchPoints })).toBe(expected)
  })
})

describe('how far a native player is behind', () => {
  const ranges = (...ends: number[]) => ({ length: ends.length, end: (index: number) => ends[index] ?? 0, start: () => 0 })

  it('goes by the stream\'s own clock, or else by its end', () => {
    expect(nativeBehindMs({ currentTime: 10, seekable: ranges(18), getStartDate: () => new Date(1000) }, 20_000)).toBe(9000)
    expect(nativeBehindMs({ currentTime: 10, seekable: ranges(4, 18), getStartDate: () => new Date(NaN) }, 20_000)).toBe(8000)
    expect(nativeBehindMs({ currentTime: 10, seekable: ranges(18) }, 20_000)).toBe(8000)
    expect(nativeBehindMs({ currentTime: 0, seekable: ranges() }, 20_000)).toBeNull()
  })
})
