import { describe, expect, it } from 'vitest'

import { coveredPercent, holes, nextHole, subtract, total, union, type Span } from './coverage'

const span = (start_ms: number, end_ms: number): Span => ({ start_ms, end_ms })

/** Every millisecond on its own: slow and obviously right. */
function points(spans: readonly Span[], limit: number): boolean[] {
  return Array.from({ length: limit }, (_, at) => spans.some((one) => one.start_ms <= at && at < one.end_ms))
}

/** A small repeatable source of numbers. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state
  }
}

describe('spans', () => {
  it('join when they touch or overlap and forget the empty ones', () => {
    expect(union([span(5, 9), span(0, 3), span(3, 5), span(20, 20), span(7, 8)])).toEqual([span(0, 9)])
    expect(union([])).toEqual([])
  })

  it('are cut out of others', () => {
    expect(subtract([span(0, 100)], [span(10, 20), span(50, 60)])).toEqual([span(0, 10), span(20, 50), span(60, 100)])
    expect(subtract([span(0, 10)], [span(0, 10)])).toEqual([])
    expect(subtract([span(5, 10)], [span(0, 6), span(9, 12)])).toEqual([span(6, 9)])
  })

  it('agree with a model that looks at every millisecond', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = numbers(seed)
      const some = () => Array.from({ length: next() % 6 }, () => {
        const start = next() % 60
        return span(start, start + (next() % 15))
      })
      const a = some()
      const b = some()
      const inA = points(a, 80)
      const inB = points(b, 80)
      expect(points(union(a), 80)).toEqual(inA)
      expect(total(a)).toBe(inA.filter(Boolean).length)
      expect(points(subtract(a, b), 80)).toEqual(inA.map((yes, at) => yes && !inB[at]))
      expect(union(subtract(a, b))).toEqual(subtract(a, b))
    }
  })

  it('do not change what they are given', () => {
    const given = [span(0, 5), span(4, 9)]
    union(given)
    expect(given).toEqual([span(0, 5), span(4, 9)])
  })
})

describe('holes', () => {
  it('leave out gaps and crumbs', () => {
    expect(holes(60_000, [span(0, 20_000), span(20_300, 40_000)], [span(50_000, 60_000)])).toEqual([span(40_000, 50_000)])
  })

  it('are visited from where one stands, then from the start', () => {
    const open = [span(10, 20), span(40, 50)]
    expect(nextHole(open, 0)).toEqual(span(10, 20))
    expect(nextHole(open, 15)).toEqual(span(10, 20))
    expect(nextHole(open, 20)).toEqual(span(40, 50))
    expect(nextHole(open, 55)).toEqual(span(10, 20))
    expect(nextHole([], 5)).toBeNull()
  })
})

describe('coveredPercent', () => {
  it('does not ask for gaps and says 100 only for everything', () => {
    expect(coveredPercent(60_000, [span(0, 30_000)], [])).toBe(50)
    expect(coveredPercent(60_000, [span(0, 30_000)], [span(30_000, 60_000)])).toBe(100)
    expect(coveredPercent(60_000, [span(0, 59_999)], [])).toBe(99)
    expect(coveredPercent(10, [], [span(0, 10)])).toBe(0)
  })
})
