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
  let answer: (() => void) | undefined
  const view = new WantedView({
    send: (ids) => {
      sent.push(ids)
      return new Promise((resolve) => {
        answer = resolve
      })
    },
  })
  const acknowledge = async () => {
    answer?.()
    await vi.advanceTimersByTimeAsync(0)
  }
  return { view, sent, acknowledge }
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

  it('is quiet after the end', async () => {
    const { view, sent } = setUp()
    view.set(['a'])
    view.close()
    view.set(['b'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent).toEqual([])
  })
})
