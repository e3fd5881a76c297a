import { describe, expect, it } from 'vitest'

import { PlayedSpans } from './playedSpans'

const started = (atMs = 0) => {
  const spans = new PlayedSpans(1, true)
  spans.begin(atMs)
  return spans
}

describe('PlayedSpans', () => {
  it('reports stretches that join without overlap', () => {
    const spans = started(1000)
    spans.reach(1250)
    spans.reach(1500)
    expect(spans.take()).toEqual({ fromMs: 1000, toMs: 1500, rate: 1, visible: true })
    spans.reach(1750)
    expect(spans.end()).toEqual({ fromMs: 1500, toMs: 1750, rate: 1, visible: true })
    expect(spans.playing).toBe(false)
    expect(spans.reach(5000)).toBeNull()
  })

  it('says nothing when nothing played', () => {
    const spans = started()
    expect(spans.take()).toBeNull()
    expect(spans.end()).toBeNull()
    expect(new PlayedSpans(1, true).take()).toBeNull()
  })

  it('does not count a jump forward that no event announced', () => {
    const spans = started()
    spans.reach(500)
    expect(spans.reach(60_000)).toEqual({ fromMs: 0, toMs: 500, rate: 1, visible: true })
    spans.reach(60_250)
    expect(spans.end()).toEqual({ fromMs: 60_000, toMs: 60_250, rate: 1, visible: true })
  })

  it('does not count a jump back', () => {
    const spans = started(10_000)
    spans.reach(10_500)
    expect(spans.reach(2000)).toEqual({ fromMs: 10_000, toMs: 10_500, rate: 1, visible: true })
  })

  it('cuts where the speed changes', () => {
    const spans = started()
    spans.reach(1000)
    expect(spans.changeRate(1.5)?.rate).toBe(1)
    spans.reach(2500)
    expect(spans.end()).toEqual({ fromMs: 1000, toMs: 2500, rate: 1.5, visible: true })
  })

  it('cuts where the page goes to the back', () => {
    const spans = started()
    spans.reach(1000)
    expect(spans.changeVisible(false)?.visible).toBe(true)
    spans.reach(2000)
    expect(spans.changeVisible(true)).toEqual({ fromMs: 1000, toMs: 2000, rate: 1, visible: false })
  })
})
