import { describe, expect, it } from 'vitest'

import { countersOf, holdQuality, qualityOf, sampleBetween, type StatsSample } from './stats'

const quiet: StatsSample = { lossShare: 0, roundTripMs: 20, receivedBps: 0, sentBps: 0 }

describe('countersOf', () => {
  it('adds up all streams and takes the selected path and the worst report', () => {
    const counters = countersOf([
      { type: 'inbound-rtp', packetsReceived: 90, packetsLost: 10, bytesReceived: 1000 },
      { type: 'inbound-rtp', packetsReceived: 10, packetsLost: -1, bytesReceived: 500 },
      { type: 'outbound-rtp', bytesSent: 700 },
      { type: 'remote-inbound-rtp', fractionLost: 0.01 },
      { type: 'remote-inbound-rtp', fractionLost: 0.05 },
      { type: 'candidate-pair', state: 'succeeded', currentRoundTripTime: 0.042 },
      { type: 'candidate-pair', state: 'waiting', currentRoundTripTime: 9 },
    ])
    expect(counters).toEqual({ packetsReceived: 100, packetsLost: 10, bytesReceived: 1500, bytesSent: 700, roundTripMs: 42, remoteLossShare: 0.05 })
  })
})

describe('sampleBetween', () => {
  const before = countersOf([])

  it('gives shares and bits per second of the interval', () => {
    const after = { ...before, packetsReceived: 98, packetsLost: 2, bytesReceived: 625_000, bytesSent: 125_000 }
    expect(sampleBetween(before, after, 5000)).toEqual({ lossShare: 0.02, roundTripMs: null, receivedBps: 1_000_000, sentBps: 200_000 })
  })

  it('is calm when nothing came, or the counters began anew', () => {
    expect(sampleBetween({ ...before, packetsReceived: 5, bytesReceived: 10 }, before, 0)).toMatchObject({ lossShare: 0, receivedBps: 0 })
  })
})

describe('qualityOf', () => {
  it('goes by the worse of loss and delay', () => {
    expect(qualityOf(quiet)).toBe('good')
    expect(qualityOf({ ...quiet, lossShare: 0.03 })).toBe('fair')
    expect(qualityOf({ ...quiet, roundTripMs: 300 })).toBe('fair')
    expect(qualityOf({ ...quiet, lossShare: 0.09 })).toBe('weak')
    expect(qualityOf({ ...quiet, roundTripMs: 501 })).toBe('weak')
    expect(qualityOf({ ...quiet, roundTripMs: null })).toBe('good')
  })
})

describe('holdQuality', () => {
  it('changes the word at most every ten seconds', () => {
    const good = { quality: 'good' as const, sinceMs: 0 }
    expect(holdQuality(good, 'fair', 9999)).toBe(good)
    expect(holdQuality(good, 'fair', 10_000)).toEqual({ quality: 'fair', sinceMs: 10_000 })
    expect(holdQuality(good, 'good', 99_999)).toBe(good)
  })
})
