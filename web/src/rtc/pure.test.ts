import { describe, expect, it } from 'vitest'

import { preferredAudioCodecs, preferredVideoCodecs } from './codecs'
import { sortDevices } from './devices'
import { levelOf } from './LevelMeter'
import { accessProblem, browserFamily } from './mediaAccess'
import { kindOf, SOURCE_ORDER } from './profiles'
import { nextStep, offerRetryDelayMs } from './recovery'
import { mergeSlots, midsByPublication, tracksByPublication } from './slots'

const codec = (mimeType: string, sdpFmtpLine?: string) => ({ mimeType, clockRate: 90_000, sdpFmtpLine })

describe('codecs', () => {
  it('offers baseline H.264 first, then VP8 and retransmission, and nothing else', () => {
    const found = preferredVideoCodecs([
      codec('video/VP8'),
      codec('video/rtx'),
      codec('video/VP9', 'profile-id=0'),
      codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f'),
      codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f'),
      codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E01F'),
      codec('video/AV1'),
      codec('video/red'),
    ])
    expect(found.map((one) => [one.mimeType, one.sdpFmtpLine?.slice(-6)])).toEqual([
      ['video/H264', '42E01F'],
      ['video/VP8', undefined],
      ['video/rtx', undefined],
    ])
  })

  it('takes another H.264 profile where there is no baseline, and VP8 alone where there is no H.264', () => {
    expect(preferredVideoCodecs([codec('video/H264', 'packetization-mode=1;profile-level-id=640c1f')])).toHaveLength(1)
    expect(preferredVideoCodecs([codec('video/VP8'), codec('video/VP9')]).map((one) => one.mimeType)).toEqual(['video/VP8'])
  })

  it('offers RED and Opus for sound, and nothing else', () => {
    const found = preferredAudioCodecs([codec('audio/opus'), codec('audio/red'), codec('audio/PCMU'), codec('audio/telephone-event')])
    expect(found.map((one) => one.mimeType)).toEqual(['audio/red', 'audio/opus'])
    expect(preferredAudioCodecs([codec('audio/opus')])).toHaveLength(1)
  })
})

describe('slots', () => {
  const slots = [
    { mid: '4', kind: 'audio' as const, publication_id: null, paused: false },
    { mid: '7', kind: 'video' as const, publication_id: 'wang:camera', paused: false },
    { mid: '8', kind: 'video' as const, publication_id: null, paused: false },
  ]

  it('maps publications to the mids that carry them', () => {
    expect([...midsByPublication(slots)]).toEqual([['wang:camera', '7']])
  })

  it('takes over what changed and keeps the rest', () => {
    const merged = mergeSlots(slots, [{ mid: '8', kind: 'video', publication_id: 'zhao:camera', paused: false }, { mid: '7', kind: 'video', publication_id: null, paused: false }])
    expect([...midsByPublication(merged)]).toEqual([['zhao:camera', '8']])
    expect(merged).toHaveLength(3)
  })

  it('gives a track only to a slot that exists', () => {
    const track = { id: 'x' } as MediaStreamTrack
    expect([...tracksByPublication(slots, new Map([['7', track]]))]).toEqual([['wang:camera', track]])
    expect(tracksByPublication(slots, new Map()).size).toBe(0)
  })
})

describe('recovery', () => {
  it('restarts ICE first and makes a new connection when that was not enough', () => {
    expect(nextStep('disconnected', 0)).toBe('restart')
    expect(nextStep('network_changed', 3)).toBe('restart')
    expect(nextStep('failed', 0)).toBe('restart')
    expect(nextStep('failed', 1)).toBe('rebuild')
    expect(nextStep('restart_timeout', 0)).toBe('rebuild')
    expect(nextStep('media_moved', 0)).toBe('rebuild')
  })

  it('asks ever less often for an answer', () => {
    expect([0, 1, 2, 3, 4, 99].map(offerRetryDelayMs)).toEqual([300, 700, 1500, 3000, 5000, 5000])
  })
})

describe('mediaAccess', () => {
  it('knows the names of all browsers', () => {
    expect(accessProblem('microphone', new DOMException('', 'NotAllowedError'))).toBe('denied')
    expect(accessProblem('camera', new DOMException('', 'NotFoundError'))).toBe('none_found')
    expect(accessProblem('camera', new DOMException('', 'NotReadableError'))).toBe('busy')
    expect(accessProblem('camera', 'no error at all')).toBe('unknown')
  })

  it('takes a closed screen chooser for what it is', () => {
    expect(accessProblem('screen', new DOMException('', 'NotAllowedError'))).toBe('cancelled')
  })

  it.each([
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.49', 0, 'wechat_ios'],
    ['Mozilla/5.0 (Linux; Android 13; V2199A) AppleWebKit/537.36 Chrome/116.0.0.0 XWEB/1160117 MicroMessenger/8.0.49', 5, 'wechat_android'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile/15E148 Safari/604.1', 5, 'safari_ios'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15', 5, 'safari_ios'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15', 0, 'safari_desktop'],
    ['Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/124.0.0.0 Mobile Safari/537.36', 5, 'chrome_android'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 0, 'firefox'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/124.0.0.0 Safari/537.36 Edg/124.0', 0, 'chromium_desktop'],
    ['curl/8.0', 0, 'other'],
  ])('recognises %s', (userAgent, touchPoints, family) => {
    expect(browserFamily(userAgent, touchPoints)).toBe(family)
  })
})

describe('small things', () => {
  it('keeps the order of the sending m-lines', () => {
    expect(SOURCE_ORDER.map((source) => [source, kindOf(source)])).toEqual([
      ['microphone', 'audio'],
      ['camera', 'video'],
      ['screen', 'video'],
      ['screen_audio', 'audio'],
    ])
  })

  it('sorts devices and leaves nameless placeholders out', () => {
    const list = sortDevices([
      { kind: 'audioinput', deviceId: 'a', label: '麦克风' },
      { kind: 'videoinput', deviceId: '', label: '' },
      { kind: 'audiooutput', deviceId: 's', label: '扬声器' },
    ])
    expect(list).toEqual({ microphones: [{ deviceId: 'a', label: '麦克风' }], cameras: [], speakers: [{ deviceId: 's', label: '扬声器' }] })
  })

  it('hears silence as nothing and full scale as all', () => {
    expect(levelOf(new Uint8Array(512).fill(128))).toBe(0)
    expect(levelOf(Uint8Array.from({ length: 512 }, (_, index) => (index % 2 ? 255 : 0)))).toBeGreaterThan(0.99)
    expect(levelOf(new Uint8Array())).toBe(0)
  })
})
