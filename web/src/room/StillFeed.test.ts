import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { STILL_EVERY_MS, StillFeed, type StillAnswer } from './StillFeed'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function setUp(answers: (StillAnswer | 'none' | Error)[]) {
  const tags: (string | null)[] = []
  const shown: (Blob | null)[] = []
  const feed = new StillFeed({
    fetch: (etag) => {
      tags.push(etag)
      const answer = answers[tags.length - 1] ?? 'none'
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
    handlePicture: (picture) => shown.push(picture),
  })
  return { feed, tags, shown }
}

describe('StillFeed', () => {
  it('shows each new picture once and keeps it over failures', async () => {
    const first = new Blob(['1'])
    const second = new Blob(['2'])
    const { feed, tags, shown } = setUp([{ picture: first, etag: 'a' }, { picture: null, etag: 'a' }, new Error('lost'), { picture: second, etag: 'b' }, 'none'])
    feed.setRunning(true)
    await vi.advanceTimersByTimeAsync(4 * STILL_EVERY_MS)
    expect(tags).toEqual([null, 'a', 'a', 'a', 'b'])
    expect(shown).toEqual([first, second, null])
  })

  it('asks only while somebody looks, and ignores what comes after', async () => {
    const { feed, tags, shown } = setUp([{ picture: new Blob(['1']), etag: 'a' }])
    feed.setRunning(true)
    feed.setRunning(false)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(tags).toHaveLength(1)
    expect(shown).toEqual([])
    feed.setRunning(true)
    expect(tags).toHaveLength(2)
  })
})
