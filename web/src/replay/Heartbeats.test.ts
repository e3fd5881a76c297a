import { describe, expect, it } from 'vitest'

import { AppError } from '@/api/errors'
import type { Heartbeat, HeartbeatAnswer, WatchSession } from '@/protocol/generated'

import { Heartbeats } from './Heartbeats'
import type { Played } from './playedSpans'

const COVERAGE = { credited: [], credited_ms: 0, required_ms: 57_000, duration_ms: 60_000, done: false }

/** A server that keeps the nonce chain as the real one does: the last used one and the newest are good. */
class Server {
  readonly beats: (Heartbeat & { keepalive: boolean })[] = []
  sessions = 0
  broken: AppError | null = null
  private nonces: string[] = []
  private waiting: (() => void)[] = []
  slow = false

  openSession = (): Promise<WatchSession> => {
    this.sessions += 1
    this.nonces = [`s${String(this.sessions)}`]
    return Promise.resolve({ session_id: `session${String(this.sessions)}`, nonce: this.nonces[0]!, heartbeat_s: 10, coverage: COVERAGE })
  }

  send = async (_id: string, beat: Heartbeat, keepalive: boolean): Promise<HeartbeatAnswer> => {
    if (this.broken) throw this.broken
    if (!this.nonces.includes(beat.nonce)) throw new AppError({ code: 'watch_session_over' })
    this.beats.push({ ...beat, keepalive })
    const next = `${this.nonces[0]!}.${String(beat.seq)}`
    this.nonces = [beat.nonce, next]
    if (this.slow) await new Promise<void>((resolve) => this.waiting.push(resolve))
    return { nonce: next, coverage: COVERAGE, refused_ms: 0, refused_reason: null, prompt: null, task: null }
  }

  answer(): void {
    this.slow = false
    this.waiting.splice(0).forEach((resolve) => resolve())
  }
}

const played = (fromMs: number, toMs: number, more: Partial<Played> = {}): Played => ({ fromMs, toMs, rate: 1, visible: true, ...more })
const settle = () => new Promise<void>((resolve) => setTimeout(resolve))

function pair() {
  const server = new Server()
  const troubles: (string | null)[] = []
  const answers: HeartbeatAnswer[] = []
  const heartbeats = new Heartbeats({
    openSession: server.openSession,
    send: server.send,
    onSession: () => undefined,
    onAnswer: (answer) => answers.push(answer),
    onTrouble: (error) => troubles.push(error?.code ?? null),
  })
  const tick = (from: number, to: number, more?: Partial<Played>) => heartbeats.report(played(from, to, more), 'tick', { atMs: to })
  return { server, heartbeats, troubles, answers, tick }
}

describe('Heartbeats', () => {
  it('opens one session however often it is started', async () => {
    const { server, heartbeats } = pair()
    await Promise.all([heartbeats.start(), heartbeats.start()])
    await heartbeats.start()
    expect(server.sessions).toBe(1)
  })

  it('sends claims in order, each with the newest nonce and the next number', async () => {
    const { server, heartbeats, answers, tick } = pair()
    await heartbeats.start()
    tick(0, 10_000)
    await settle()
    tick(10_000, 20_000)
    await settle()
    expect(server.beats.map(({ seq, nonce, from_ms, to_ms }) => [seq, nonce, from_ms, to_ms])).toEqual([
      [1, 's1', 0, 10_000],
      [2, 's1.1', 10_000, 20_000],
    ])
    expect(answers).toHaveLength(2)
    expect(heartbeats.unconfirmed).toEqual([])
  })

  it('has only one request under way and joins what comes meanwhile', async () => {
    const { server, heartbeats, tick } = pair()
    await heartbeats.start()
    server.slow = true
    tick(0, 10_000)
    tick(10_000, 20_000)
    tick(20_000, 30_000)
    await settle()
    expect(server.beats).toHaveLength(1)
    server.answer()
    await settle()
    expect(server.beats.map(({ from_ms, to_ms }) => [from_ms, to_ms])).toEqual([
      [0, 10_000],
      [10_000, 30_000],
    ])
  })

  it('keeps claims while the network is away and joins them into one', async () => {
    const { server, heartbeats, troubles, tick } = pair()
    await heartbeats.start()
    server.broken = new AppError({ code: 'offline', retryable: true })
    tick(0, 10_000)
    await settle()
    tick(10_000, 20_000)
    await settle()
    expect(heartbeats.unconfirmed).toHaveLength(1)
    expect(troubles.at(-1)).toBe('offline')
    server.broken = null
    await heartbeats.flush()
    expect(server.beats.map(({ from_ms, to_ms }) => [from_ms, to_ms])).toEqual([[0, 20_000]])
    expect(troubles.at(-1)).toBeNull()
    expect(heartbeats.unconfirmed).toEqual([])
  })

  it('never joins over a jump, another speed, another visibility or an answer', async () => {
    const { server, heartbeats, tick } = pair()
    tick(0, 1000)
    tick(5000, 6000)
    tick(6000, 7000, { rate: 1.5 })
    tick(7000, 8000, { rate: 1.5, visible: false })
    heartbeats.report(played(8000, 8500), 'prompt', { promptId: 'p', atMs: 8500 })
    tick(8500, 9000)
    await heartbeats.start()
    await heartbeats.flush()
    await settle()
    expect(server.beats.map(({ from_ms, to_ms, prompt_id }) => [from_ms, to_ms, prompt_id])).toEqual([
      [0, 1000, null],
      [5000, 6000, null],
      [6000, 7000, null],
      [7000, 8000, null],
      [8000, 8500, 'p'],
      [8500, 9000, null],
    ])
  })

  it('sends at once when the page is being left, and the chain goes on after it', async () => {
    const { server, heartbeats, tick } = pair()
    await heartbeats.start()
    server.slow = true
    tick(0, 10_000)
    heartbeats.report(played(10_000, 12_000), 'hidden', { leaving: true, atMs: 12_000 })
    await settle()
    expect(server.beats.at(-1)).toMatchObject({ keepalive: true, from_ms: 10_000, to_ms: 12_000, seq: 2 })
    server.answer()
    await settle()
    tick(12_000, 14_000)
    await settle()
    expect(server.beats.at(-1)).toMatchObject({ from_ms: 12_000, to_ms: 14_000 })
    expect(server.sessions).toBe(1)
  })

  it('answers a prompt even while nothing plays', async () => {
    const { server, heartbeats } = pair()
    await heartbeats.start()
    heartbeats.report(null, 'prompt', { promptId: 'p', atMs: 4000 })
    await settle()
    expect(server.beats[0]).toMatchObject({ prompt_id: 'p', from_ms: 4000, to_ms: 4000, reason: 'prompt' })
  })

  it('reports nothing when nothing played', async () => {
    const { server, heartbeats } = pair()
    await heartbeats.start()
    heartbeats.report(null, 'tick', { atMs: 0 })
    await settle()
    expect(server.beats).toEqual([])
  })

  it('begins a new session when the server has ended the old one', async () => {
    const { server, heartbeats, troubles, tick } = pair()
    await heartbeats.start()
    server.broken = new AppError({ code: 'watch_session_over' })
    tick(0, 10_000)
    await settle()
    server.broken = null
    expect(server.sessions).toBe(2)
    expect(troubles).toContain('watch_session_over')
    tick(10_000, 20_000)
    await settle()
    expect(server.beats.at(-1)).toMatchObject({ seq: 1, nonce: 's2', from_ms: 10_000 })
  })
})
