import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { WantedView } from './WantedView'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function setUp() {
  const sent: string[][] = []
  const wanted = (ids: string[], heightPx = 180) => ids.map((publication_id) => ({ publication_id, height_px: heightPx }))
  let answer: (() => void) | undefined
  const view = new WantedView({
    send: (pictures) => {
      sent.push(pictures.map((one) => one.publication_id))
      return new Promise((resolve) => {
        answer = resolve
      })
    },
  })
  const acknowledge = async () => {
    answer?.()
    await vi.advanceTimersByTimeAsync(0)
  }
  return { view: { set: (ids: string[], heightPx?: number) => view.set(wanted(ids, heightPx)), repeat: () => view.repeat(), close: () => view.close(), setUnseen: (unseen: boolean) => view.setUnseen(unseen) }, sent, acknowledge }
}

describe('WantedView', () => {
  it('waits until a shower of changes is over and tells the last', async () => {
    const { view, sent } = setUp()
    view.set(['a'])
    view.set(['a', 'b'])
    view.set(['b'])
    await vi.advanceTimersByTimeAsync(200)
    expect(sent).toEqual([['b']])
  })

  it('does not repeat what the server knows', async () => {
    const { view, sent, acknowledge } = setUp()
    view.set(['a'])
    await vi.advanceTimersByTimeAsync(200)
    await acknowledge()
    view.set(['a'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent).toHaveLength(1)
  })

  it('sends one at a time, and the latest wish after the answer', async () => {
    const { view, sent, acknowledge } = setUp()
    view.set(['a'])
    await vi.advanceTimersByTimeAsync(200)
    view.set(['b'])
    view.set(['c'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent).toEqual([['a']])
    await acknowledge()
    await vi.advanceTimersByTimeAsync(200)
    expect(sent).toEqual([['a'], ['c']])
  })

  it('says it again to a server that forgot, even in the middle of an answer', async () => {
    const { view, sent, acknowledge } = setUp()
    view.set(['a'])
    await vi.advanceTimersByTimeAsync(200)
    view.repeat()
    await acknowledge()
    await vi.advanceTimersByTimeAsync(200)
    expect(sent).toEqual([['a'], ['a']])
  })

  it('tells another height, and not the same one again', async () => {
    const { view, sent, acknowledge } = setUp()
    view.set(['a'], 180)
    await vi.advanceTimersByTimeAsync(200)
    await acknowledge()
    view.set(['a'], 180)
    await vi.advanceTimersByTimeAsync(200)
    view.set(['a'], 360)
    await vi.advanceTimersByTimeAsync(200)
    expect(sent).toEqual([['a'], ['a']])
  })

  it('wants nothing while nobody looks, and everything at once when somebody does', async () => {
    const { view, sent, acknowledge } = setUp()
    view.set(['a'])
    await vi.advanceTimersByTimeAsync(200)
    await acknowledge()
    view.setUnseen(true)
    await vi.advanceTimersByTimeAsync(0)
    await acknowledge()
    view.set(['b'])
    await vi.advanceTimersByTimeAsync(500)
    expect(sent).toEqual([['a'], []])
    view.setUnseen(false)
    await vi.advanceTimersByTimeAsync(0)
    expect(sent).toEqual([['a'], [], ['b']])
  })

  it('is quiet after the end', async () => {
    const { view, sent } = setUp()
    view.set(['a'])
    view.close()
    view.set(['b'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent).toEqual([])
  })
})

describe('a refusal', () => {
  function refusing(error: unknown) {
    let isRefusing = true
    const sent: string[][] = []
    const view = new WantedView({
      send: (pictures) => {
        sent.push(pictures.map((one) => one.publication_id))
        return isRefusing ? Promise.reject(error as Error) : Promise.resolve()
      },
    })
    view.set([{ publication_id: 'a', height_px: 180 }])
    return { view, sent, relent: () => (isRefusing = false) }
  }

  it('that may be tried again is tried again, not too often, until it is taken', async () => {
    const { sent, relent } = refusing({ code: 'rate_limited', retryable: true })
    await vi.advanceTimersByTimeAsync(5000)
    expect(sent).toEqual([['a'], ['a'], ['a']])
    relent()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(sent).toHaveLength(4)
  })

  it('that is final is not asked again', async () => {
    const { sent } = refusing({ code: 'conflict', retryable: false })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(sent).toHaveLength(1)
  })
})
