import { describe, expect, it, vi } from 'vitest'
import { FakeConnection } from './fakeConnection'
import { Playout, PlayoutDelay, playoutReading, type LineCounters } from './playout'
import { PROFILES } from './profiles'
import { withSoundRepair } from './soundRepair'
import { Transport } from './Transport'

const SECOND = 1000

/** Drives a PlayoutDelay second by second; counters grow by what is given. */
class Driver {
  readonly delay = new PlayoutDelay()
  targets = new Map<string, number>()
  private nowMs = 0
  private readonly lines = new Map<string, LineCounters>()

  run(seconds: number, growth: Record<string, Partial<LineCounters>>, roundTripMs = 100): void {
    for (let index = 0; index < seconds; index += 1) {
      for (const [mid, more] of Object.entries(growth)) this.grow(mid, more)
      this.targets = this.delay.read({ lines: this.lines, roundTripMs }, (this.nowMs += SECOND))
    }
  }

  private grow(mid: string, more: Partial<LineCounters>): void {
    const kind = mid.startsWith('a') ? 'audio' : 'video'
    const old = this.lines.get(mid) ?? { kind, packets: 0, repairs: 0, damage: 0, stoppedMs: 0, pictures: 0, assemblyMs: 0, height: 720, played: 0, waitMs: 0 }
    this.lines.set(mid, {
      kind,
      packets: old.packets + (more.packets ?? 50),
      repairs: old.repairs + (more.repairs ?? 0),
      damage: old.damage + (more.damage ?? 0),
      stoppedMs: old.stoppedMs + (more.stoppedMs ?? 0),
      pictures: old.pictures + (more.pictures ?? 0),
      assemblyMs: old.assemblyMs + (more.assemblyMs ?? 0),
      height: more.height ?? old.height,
      played: old.played + (more.played ?? 0),
      waitMs: old.waitMs + (more.waitMs ?? 0),
    })
  }
}

describe('the playout delay', () => {
  it('is left to the browser while nothing is lost', () => {
    const driver = new Driver()
    driver.run(30, { audio: {}, video: {} })
    expect([...driver.targets.values()]).toEqual([0, 0])
  })

  it('gives a repair the time that it takes, on all lines alike where all are lossy', () => {
    const driver = new Driver()
    driver.run(3, { audio: { repairs: 1 }, video: { repairs: 2 }, video2: {} }, 120)
    expect([...driver.targets.values()]).toEqual([240, 240, 240])
  })

  it('grows while there is damage, up to a bound, and comes back slowly', () => {
    const driver = new Driver()
    driver.run(3, { audio: { repairs: 5, damage: 2000 } })
    expect(driver.targets.get('audio')).toBe(310)
    driver.run(20, { audio: { repairs: 5, damage: 2000 } })
    expect(driver.targets.get('audio')).toBe(800)
    driver.run(20, { audio: {} })
    expect(driver.targets.get('audio')).toBe(800)
    driver.run(10, { audio: {} })
    expect(driver.targets.get('audio')).toBe(600)
    driver.run(60, { audio: {} })
    expect(driver.targets.get('audio')).toBe(0)
  })

  it('lets a picture that stopped wait a quarter of a second at once, longer when that was not enough', () => {
    const driver = new Driver()
    driver.run(2, { video: {}, audio: {} }, 5)
    driver.run(1, { video: { damage: 1 }, audio: {}, audio2: {} }, 5)
    expect(driver.targets.get('video')).toBe(250)
    driver.run(1, { video: { damage: 1 }, audio: {}, audio2: {} }, 5)
    expect(driver.targets.get('video')).toBe(350)
  })

  it('lets a picture wait for as much longer as it stood still, but not for a network that was away', () => {
    const driver = new Driver()
    driver.run(2, { video: {}, audio: {}, audio2: {} }, 5)
    driver.run(1, { video: { damage: 1, stoppedMs: 300 }, audio: {}, audio2: {} }, 5)
    expect(driver.targets.get('video')).toBe(300)
    driver.run(1, { video: { damage: 2, stoppedMs: 400 }, audio: {}, audio2: {} }, 5)
    expect(driver.targets.get('video')).toBe(500)
    driver.run(1, { video: { damage: 1, stoppedMs: 9000 }, audio: {}, audio2: {} }, 5)
    expect(driver.targets.get('video')).toBe(600)
  })

  it('stays patient for longer with a line that is damaged now and then', () => {
    const driver = new Driver()
    const now = (video: Partial<LineCounters>, seconds: number) => driver.run(seconds, { video, audio: {}, audio2: {} }, 5)
    now({}, 2)
    now({ damage: 1, stoppedMs: 300 }, 1)
    now({}, 21)
    expect(driver.targets.get('video')).toBeLessThan(300)
    now({ damage: 1, stoppedMs: 300 }, 1)
    const patientMs = driver.targets.get('video')
    now({}, 40)
    expect(driver.targets.get('video')).toBe(patientMs)
    now({}, 10)
    expect(driver.targets.get('video')).toBeLessThan(patientMs ?? 0)
  })

  it('comes back down although a packet is repaired now and then', () => {
    const driver = new Driver()
    driver.run(2, { video: {}, audio: {}, audio2: {} }, 5)
    for (let round = 0; round < 5; round += 1) {
      driver.run(1, { video: { damage: 1, stoppedMs: 250 }, audio: {}, audio2: {} }, 5)
      driver.run(6, { video: {}, audio: {}, audio2: {} }, 5)
    }
    expect(driver.targets.get('video')).toBe(800)
    for (let round = 0; round < 4; round += 1) {
      driver.run(1, { video: { repairs: 1 }, audio: {}, audio2: {} }, 5)
      driver.run(59, { video: {}, audio: {}, audio2: {} }, 5)
    }
    expect(driver.targets.get('video')).toBeLessThanOrEqual(100)
  })

  it('does not stay long for a network that was away', () => {
    const driver = new Driver()
    driver.run(2, { video: {}, audio: {}, audio2: {} }, 5)
    for (let round = 0; round < 4; round += 1) {
      driver.run(1, { video: { damage: 1, stoppedMs: 9000 }, audio: {}, audio2: {} }, 5)
      driver.run(10, { video: {}, audio: {}, audio2: {} }, 5)
    }
    driver.run(50, { video: {}, audio: {}, audio2: {} }, 5)
    expect(driver.targets.get('video')).toBe(0)
  })

  it('makes nobody wait for a line that rests', () => {
    const driver = new Driver()
    driver.run(3, { audio: { repairs: 1 }, video: { repairs: 1, damage: 1, stoppedMs: 700 } }, 5)
    driver.run(3, { audio: { repairs: 1 }, video: { packets: 0 } }, 5)
    expect(driver.targets.get('audio')).toBeLessThan(100)
  })

  it('does not make everybody wait for one whose network is bad', () => {
    const driver = new Driver()
    driver.run(5, { audio: {}, video: {}, video2: {}, video3: { repairs: 1, damage: 1 } }, 20)
    expect(driver.targets.get('video3')).toBeGreaterThan(200)
    expect(driver.targets.get('audio')).toBe(0)
  })

  it('waits for repairs on the way from the sender before any picture has stopped', () => {
    const driver = new Driver()
    const others = { audio: {}, audio2: {} }
    driver.run(3, { ...others, video: { pictures: 25, assemblyMs: 5 } }, 5)
    driver.run(6, { ...others, video: { repairs: 3, pictures: 25, assemblyMs: 165 } }, 5)
    expect(driver.targets.get('video')).toBe(300)
    driver.run(15, { ...others, video: { pictures: 25, assemblyMs: 5 } }, 5)
    expect(driver.targets.get('video')).toBe(300)
    driver.run(25, { ...others, video: { pictures: 25, assemblyMs: 5 } }, 5)
    expect(driver.targets.get('video')).toBe(0)
    expect(driver.targets.get('audio')).toBe(0)
  })

  it('takes one repair of several in a second, and never more than a quarter of a second for it', () => {
    const driver = new Driver()
    const others = { audio: {}, audio2: {} }
    driver.run(3, { ...others, video: { pictures: 25, assemblyMs: 5 } }, 5)
    driver.run(1, { ...others, video: { repairs: 9, pictures: 25, assemblyMs: 1205 } }, 5)
    expect(driver.targets.get('video')).toBe(435)
  })

  it('forgets what another person\'s network needed, and takes a larger picture for no loss', () => {
    const driver = new Driver()
    const others = { audio: {}, audio2: {} }
    driver.run(3, { ...others, video: { pictures: 25, assemblyMs: 25 } }, 5)
    driver.run(10, { ...others, video: { repairs: 3, pictures: 25, assemblyMs: 225 } }, 5)
    expect(driver.targets.get('video')).toBe(360)
    for (let round = 0; round < 4; round += 1) {
      driver.run(14, { ...others, video: { pictures: 25, assemblyMs: 25 } }, 5)
      driver.run(1, { ...others, video: { repairs: 1, pictures: 25, assemblyMs: 33 } }, 5)
    }
    expect(driver.targets.get('video')).toBeLessThan(100)
    driver.run(1, { ...others, video: { repairs: 1, pictures: 25, assemblyMs: 250, height: 1080 } }, 5)
    expect(driver.targets.get('video')).toBeLessThan(100)
  })

  it('takes neither large pictures nor a narrow path for losses', () => {
    const driver = new Driver()
    driver.run(3, { audio: {}, audio2: {}, video: { pictures: 25, assemblyMs: 5 } }, 5)
    driver.run(3, { audio: {}, audio2: {}, video: { pictures: 25, assemblyMs: 400 } }, 5)
    expect(driver.targets.get('video')).toBe(0)
    driver.run(12, { audio: {}, audio2: {}, video2: { repairs: 1, pictures: 12, assemblyMs: 600 } }, 5)
    driver.run(12, { audio: {}, audio2: {}, video2: { repairs: 1, pictures: 12, assemblyMs: 900 } }, 5)
    expect(driver.targets.get('video2')).toBeLessThan(100)
  })

  it('takes neither a silent line nor what nobody hears for damage', () => {
    const driver = new Driver()
    driver.run(5, { audio: { damage: 100 }, audio2: { packets: 0, damage: 48_000 } })
    expect([...driver.targets.values()]).toEqual([0, 0])
  })

  it('reads its counters from getStats', () => {
    const reading = playoutReading([
      { type: 'inbound-rtp', kind: 'audio', mid: '4', packetsReceived: 9, nackCount: 2, concealedSamples: 700, silentConcealedSamples: 200 },
      { type: 'inbound-rtp', kind: 'video', mid: '7', packetsReceived: 5, freezeCount: 1, totalFreezesDuration: 0.4, framesAssembledFromMultiplePackets: 3, totalAssemblyTime: 0.2, frameHeight: 360, jitterBufferEmittedCount: 4, jitterBufferTargetDelay: 0.32 },
      { type: 'inbound-rtp', kind: 'video', mid: '8', packetsReceived: 0 },
      { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.12 },
      { type: 'candidate-pair', nominated: false, state: 'succeeded', currentRoundTripTime: 3 },
    ])
    expect(reading.roundTripMs).toBe(120)
    expect([...reading.lines]).toEqual([
      ['4', { kind: 'audio', packets: 9, repairs: 2, damage: 500, stoppedMs: 0, pictures: 0, assemblyMs: 0, height: 0, played: 0, waitMs: 0 }],
      ['7', { kind: 'video', packets: 5, repairs: 0, damage: 1, stoppedMs: 400, pictures: 3, assemblyMs: 200, height: 360, played: 4, waitMs: 320 }],
    ])
  })
})

describe('a connection', () => {
  it('is followed from the moment when it is up until it is closed', async () => {
    vi.useFakeTimers()
    const connection = new FakeConnection()
    let repairs = 0
    const getStats = vi.fn(() => Promise.resolve(new Map([['4', { type: 'inbound-rtp', kind: 'audio', mid: '4', packetsReceived: 50 + repairs, nackCount: repairs++ }]])))
    Object.assign(connection, { getStats })
    const transport = new Transport({ profile: PROFILES.phone, iceServers: [], createConnection: () => connection as unknown as RTCPeerConnection, handleConnectionState: () => undefined })
    const line = connection.transceivers[4]
    if (!line) throw new Error('no slot for sound')
    line.mid = '4'
    Object.assign(line.receiver, { jitterBufferTarget: null })
    await vi.advanceTimersByTimeAsync(3000)
    expect(getStats).not.toHaveBeenCalled()
    connection.become('connected')
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(1000)
      expect(line.receiver).toMatchObject({ jitterBufferTarget: 60 })
    })
    const read = getStats.mock.calls.length
    transport.close()
    await vi.advanceTimersByTimeAsync(5000)
    expect(getStats).toHaveBeenCalledTimes(read)
    vi.useRealTimers()
  })
})

describe('a longer wait', () => {
  it('is approached in steps that nobody sees', async () => {
    vi.useFakeTimers()
    let freezes = 0
    const getStats = () => Promise.resolve(new Map([['7', { type: 'inbound-rtp', kind: 'video', mid: '7', packetsReceived: 50 + freezes, freezeCount: freezes++, totalFreezesDuration: 0.4 * freezes }]]))
    const receiver: { jitterBufferTarget: number | null } = { jitterBufferTarget: null }
    const playout = new Playout({ getStats } as unknown as RTCPeerConnection, () => [{ mid: '7', receiver } as unknown as RTCRtpTransceiver])
    playout.start()
    const seen = [0]
    for (let step = 0; step < 24; step += 1) {
      await vi.advanceTimersByTimeAsync(500)
      seen.push(receiver.jitterBufferTarget ?? 0)
    }
    const steps = seen.slice(1).map((target, index) => target - (seen[index] ?? 0))
    expect(seen.at(-1)).toBe(800)
    expect(Math.max(...steps)).toBe(100)
    playout.close()
    vi.useRealTimers()
  })

  it.each([0, 0.3, 0.5, 0.8])('is asked for again, in steps, when the browser has forgotten it (%s into a second)', async (into) => {
    vi.useFakeTimers()
    const line = { type: 'inbound-rtp', kind: 'video', mid: '7', packetsReceived: 0, freezeCount: 0, totalFreezesDuration: 0, jitterBufferEmittedCount: 0, jitterBufferTargetDelay: 0 }
    let forgotten = false
    const receiver: { jitterBufferTarget: number | null } = { jitterBufferTarget: null }
    let held = 0
    const told: number[] = []
    // Ten pictures a second; what the browser has forgotten it knows again when it is told anything.
    const show = setInterval(() => {
      const now = receiver.jitterBufferTarget ?? 0
      if (!forgotten || now !== told.at(-1)) [forgotten, held] = [false, now]
      told.push(now)
      line.packetsReceived += 5
      line.jitterBufferEmittedCount += 1
      line.jitterBufferTargetDelay += held / 1000
    }, 100)
    const getStats = () => {
      line.freezeCount += 1
      line.totalFreezesDuration += 0.4
      return Promise.resolve(new Map([['7', { ...line }]]))
    }
    const playout = new Playout({ getStats } as unknown as RTCPeerConnection, () => [{ mid: '7', receiver } as unknown as RTCRtpTransceiver])
    playout.start()
    await vi.advanceTimersByTimeAsync(12_050 + into * 1000)
    expect(held).toBe(800)
    ;[forgotten, held] = [true, 70]
    const seen: number[] = []
    for (let step = 0; step < 120; step += 1) {
      await vi.advanceTimersByTimeAsync(100)
      seen.push(held)
    }
    expect(seen[0]).toBe(70)
    expect(Math.max(...seen.map((target, index) => target - (seen[index - 1] ?? 70)))).toBeLessThanOrEqual(100)
    expect(seen.at(-1)).toBe(800)
    clearInterval(show)
    playout.close()
    vi.useRealTimers()
  })
})

describe('the repair of sound', () => {
  it('is asked for on every opus line, once', () => {
    const offer = 'm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=rtpmap:63 red/48000/2\r\n'
    const changed = withSoundRepair(offer)
    expect(changed).toBe(offer.replace('a=rtcp-fb', 'a=rtcp-fb:111 nack\r\na=rtcp-fb'))
    expect(withSoundRepair(changed)).toBe(changed)
    expect(withSoundRepair('offer 0')).toBe('offer 0')
  })
})
