import { describe, expect, it } from 'vitest'

import { adaptiveSound, codecNamed, fitLayers, sendEncodings, shapeEncodings, singleEncoding, type Encoding } from './encodings'
import { PROFILES } from './profiles'

const camera = PROFILES.desktop.layers.camera
const screen = PROFILES.desktop.layers.screen
const H264 = { mimeType: 'video/H264', clockRate: 90_000, payloadType: 108 } as RTCRtpCodec
const VP8 = { mimeType: 'video/VP8', clockRate: 90_000, payloadType: 96 } as RTCRtpCodec

function shaped(encodings: Encoding[], change: Partial<Parameters<typeof shapeEncodings>[1]> = {}) {
  const changed = shapeEncodings(encodings, { layers: camera, rids: null, codec: null, ...change })
  return { encodings, changed }
}

describe('sendEncodings', () => {
  it('lets sound follow its uplink', () => {
    expect(sendEncodings(PROFILES.phone.layers.microphone).map(adaptiveSound)).toEqual([{ maxBitrate: 40_000, adaptivePtime: true }])
  })

  it('offers the camera in three sizes, the smallest first, and the phone in two', () => {
    expect(sendEncodings(camera)).toEqual([
      { rid: 'q', maxBitrate: 120_000, scaleResolutionDownBy: 4 },
      { rid: 'h', maxBitrate: 400_000, scaleResolutionDownBy: 2 },
      { rid: 'f', maxBitrate: 1_500_000, scaleResolutionDownBy: 1 },
    ])
    expect(sendEncodings(PROFILES.phone.layers.camera).map((one) => [one.rid, one.scaleResolutionDownBy])).toEqual([
      ['q', 2],
      ['h', 1],
    ])
  })

  it('offers sound and screen once, without a rid', () => {
    expect(sendEncodings(screen)).toEqual([{ maxBitrate: 2_500_000 }])
    expect(sendEncodings(PROFILES.phone.layers.microphone)).toEqual([{ maxBitrate: 40_000 }])
  })

  it('gives a browser without rids the whole picture', () => {
    expect(singleEncoding(camera)).toEqual([{ maxBitrate: 1_500_000 }])
  })
})

describe('shapeEncodings', () => {
  it('sends everything until somebody says what is looked at', () => {
    expect(shaped(sendEncodings(camera)).encodings.map((one) => one.active)).toEqual([true, true, true])
  })

  it('sends what is looked at and nothing else', () => {
    const { encodings, changed } = shaped(sendEncodings(camera), { rids: ['q', 'f'] })
    expect(changed).toBe(true)
    expect(encodings.map((one) => [one.rid, one.active])).toEqual([
      ['q', true],
      ['h', false],
      ['f', true],
    ])
    expect(shaped(encodings, { rids: [] }).encodings.some((one) => one.active)).toBe(false)
  })

  it('does not touch what is right already', () => {
    const { encodings } = shaped(sendEncodings(camera), { rids: ['h'], codec: VP8 })
    expect(shaped(encodings, { rids: ['h'], codec: VP8 }).changed).toBe(false)
  })

  it('puts the codec on every encoding, or none of them would be sent with it', () => {
    const { encodings } = shaped(sendEncodings(camera), { codec: H264 })
    expect(encodings.map((one) => one.codec)).toEqual([H264, H264, H264])
  })

  it('makes the one encoding that a peer without simulcast leaves over the whole picture', () => {
    const left = sendEncodings(camera).slice(0, 1)
    expect(shaped(left).encodings).toEqual([{ rid: 'q', maxBitrate: 1_500_000, scaleResolutionDownBy: 1, active: true }])
  })

  it('rests and resumes a source with a single encoding, whatever its rid is called', () => {
    const rest = shaped(sendEncodings(screen), { layers: screen, rids: [] })
    expect(rest.encodings).toEqual([{ maxBitrate: 2_500_000, active: false }])
    expect(shaped(rest.encodings, { layers: screen, rids: [''] }).encodings[0]?.active).toBe(true)
  })
})

describe('codecNamed', () => {
  it('finds what was negotiated, in any spelling, or nothing', () => {
    expect(codecNamed([H264, VP8], 'VP8')).toBe(VP8)
    expect(codecNamed([{ ...H264, mimeType: 'video/h264' }], 'H264')).not.toBeNull()
    expect(codecNamed([H264], 'VP8')).toBeNull()
    expect(codecNamed(undefined, 'VP8')).toBeNull()
  })
})

describe('fitLayers', () => {
  const sent = (lines: number | undefined, rids: string[] | null = null) => {
    const { encodings } = shaped([{ rid: 'q' }, { rid: 'h' }, { rid: 'f' }], { layers: fitLayers(camera, lines), rids })
    return encodings.filter((one) => one.active).map((one) => [one.rid, one.scaleResolutionDownBy])
  }

  it('sends three sizes of a large picture, and before it is known how large it is', () => {
    for (const lines of [720, 540, undefined]) expect(sent(lines)).toEqual([['q', 4], ['h', 2], ['f', 1]])
  })

  it('sends a cheap camera whole: browsers make two sizes of it, and take the first encodings for them', () => {
    expect(sent(360)).toEqual([['q', 2], ['h', 1]])
    expect(sent(480)).toEqual([['q', 2], ['h', 1]])
    expect(sent(240)).toEqual([['q', 1]])
  })

  it('gives the largest there is to who asks for a larger one', () => {
    expect(sent(360, ['q', 'f'])).toEqual([['q', 2], ['h', 1]])
    expect(sent(360, ['q'])).toEqual([['q', 2]])
    expect(sent(240, ['f'])).toEqual([['q', 1]])
    expect(sent(360, [])).toEqual([])
  })

  it('leaves a single encoding alone', () => {
    const { encodings } = shaped([{}], { layers: fitLayers(camera, 240), rids: ['f'] })
    expect(encodings[0]).toMatchObject({ active: true, scaleResolutionDownBy: 1 })
  })
})
