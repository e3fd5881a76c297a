/** A few round trips to our own server before entering; nobody else is asked. */

export type NetworkWord = 'good' | 'fair' | 'weak' | 'none'

const TRIES = 4
const LIMIT_MS = 3000
const GOOD_MS = 150
const FAIR_MS = 400

/** The first try also opens the connection, so the fastest is the path's own. Pure. */
export function judgeNetwork(roundTripsMs: readonly number[]): NetworkWord {
  if (roundTripsMs.length === 0) return 'none'
  const fastestMs = Math.min(...roundTripsMs)
  if (fastestMs <= GOOD_MS) return 'good'
  return fastestMs <= FAIR_MS ? 'fair' : 'weak'
}

export async function measureRoundTrips(): Promise<number[]> {
  const times: number[] = []
  const until = performance.now() + LIMIT_MS
  for (let index = 0; index < TRIES && performance.now() < until; index += 1) {
    const timeMs = await oneRoundTrip(until - performance.now())
    if (timeMs !== null) times.push(timeMs)
  }
  return times
}

async function oneRoundTrip(limitMs: number): Promise<number | null> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), limitMs)
  const startMs = performance.now()
  try {
    // 503 is an answer as well: the way is what is measured.
    await fetch('/healthz', { cache: 'no-store', signal: limit.signal })
    return performance.now() - startMs
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}
