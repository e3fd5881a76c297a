/** Arithmetic of half-open [start, end) spans of a recording's timeline, in ms. Pure; the server decides, this draws. */
import type { Interval } from '@/protocol/generated'

export type Span = Interval

/** Sorted, without overlaps, neighbours joined, empty ones dropped. */
export function union(spans: readonly Span[]): Span[] {
  const sorted = spans.filter((span) => span.end_ms > span.start_ms).sort((a, b) => a.start_ms - b.start_ms)
  const result: Span[] = []
  for (const span of sorted) {
    const last = result.at(-1)
    if (last && span.start_ms <= last.end_ms) last.end_ms = Math.max(last.end_ms, span.end_ms)
    else result.push({ start_ms: span.start_ms, end_ms: span.end_ms })
  }
  return result
}

/** What of `from` is in none of `taken`. */
export function subtract(from: readonly Span[], taken: readonly Span[]): Span[] {
  const holes = union(taken)
  return union(from).flatMap((span) => {
    const parts: Span[] = []
    let start = span.start_ms
    for (const hole of holes) {
      if (hole.end_ms <= start || hole.start_ms >= span.end_ms) continue
      if (hole.start_ms > start) parts.push({ start_ms: start, end_ms: hole.start_ms })
      start = Math.max(start, hole.end_ms)
    }
    if (start < span.end_ms) parts.push({ start_ms: start, end_ms: span.end_ms })
    return parts
  })
}

export function total(spans: readonly Span[]): number {
  return union(spans).reduce((sum, span) => sum + span.end_ms - span.start_ms, 0)
}

/** Holes shorter than this are rounding of players, not something one could watch. */
const SHORTEST_HOLE_MS = 500

/** What is still worth watching: neither credited nor lost in the recording. */
export function holes(durationMs: number, credited: readonly Span[], gaps: readonly Span[]): Span[] {
  const open = subtract([{ start_ms: 0, end_ms: durationMs }], [...credited, ...gaps])
  return open.filter((span) => span.end_ms - span.start_ms >= SHORTEST_HOLE_MS)
}

/** The hole to watch next when standing at a place: the one around or after it, else the first. */
export function nextHole(open: readonly Span[], atMs: number): Span | null {
  return open.find((span) => span.end_ms > atMs) ?? open[0] ?? null
}

/** Whole percents of the playable part; 100 only when nothing at all is missing. */
export function coveredPercent(durationMs: number, credited: readonly Span[], gaps: readonly Span[]): number {
  const playable = durationMs - total(gaps)
  if (playable <= 0) return 0
  const covered = total(subtract(credited, gaps))
  return covered >= playable ? 100 : Math.min(99, Math.floor((covered / playable) * 100))
}
