/**
 * How long what is received waits before it is played: just long enough that what was lost can be asked for and comes
 * in time. Without it a repair arrives after its turn, as a gap in the sound or a stop of the picture.
 *
 * Where nearly everything is lossy it is our own network, and all lines wait alike, so that lips stay with the sound;
 * where one line is, its sender's network is bad and only that line waits. Must not know slots or people.
 */
import { Lateness } from './lateness'

/**
 * Counters of one receiving line since its connection began. `damage`: samples made up for sound, freezes of a picture;
 * `stoppedMs`: how long the picture stood still in all of them; `pictures` of several packets took `assemblyMs` to come.
 * `height` is that of the newest picture. `waitMs` is what the browser meant each of the `played` to wait, added up.
 */
export interface LineCounters {
  readonly kind: 'audio' | 'video'
  readonly packets: number
  readonly repairs: number
  readonly damage: number
  readonly stoppedMs: number
  readonly pictures: number
  readonly assemblyMs: number
  readonly height: number
  readonly played: number
  readonly waitMs: number
}

export interface PlayoutReading {
  readonly lines: ReadonlyMap<string, LineCounters>
  readonly roundTripMs: number | null
}

interface Line {
  counters: LineCounters
  readonly lateness: Lateness
  targetMs: number
  /** What the browser goes by with a picture, on average of the last second; null when none was shown. */
  readMs: number | null
  /** The same when the second before says so too. */
  heldMs: number | null
  isActive: boolean
  /** When something was last missing here. */
  lossyAtMs: number
  damagedAtMs: number
  /** So long after something was missing the wait begins to shrink. */
  holdMs: number
}

const INTERVAL_MS = 1000
/** So much more, so often: less than what anybody sees as a stop. */
const APPROACH_MS = 500
const APPROACH_STEP_MS = 100
/** More than the browser lags behind what it is told: it has forgotten it, if it says so twice. */
const FORGOTTEN_MS = 300
const AGREEING_MS = 60
/** Two people still talk with each other; more than this is a broadcast. */
const MAX_TARGET_MS = 800
const STEP_MS = 100
/** A picture stops when a repair takes longer than it waits. */
const FIRST_STOP_MS = 250
/** A stop of more than this is no late repair: the network was away, and waiting would not have helped. */
const OUTAGE_MS = 1000
const DECAY_MS = 20
/** What is damaged again after a calm while is so by its nature: each time the wait stays for twice as long. */
const CALM_MS = 5000
const HOLD_MS = 20_000
const MAX_HOLD_MS = 160_000
const LOSSY_MS = 10_000
/** A packet is missed when a later one comes, asked for, and sent again: a round trip and what jitter adds to it. */
const ROUND_TRIPS = 1.5
const MARGIN_MS = 60
/** 10 ms of sound: less nobody hears. */
const AUDIBLE_SAMPLES = 480
const ROUND_TRIP_SAMPLES = 10

export class PlayoutDelay {
  private readonly lines = new Map<string, Line>()
  private roundTripsMs: number[] = []

  /** Takes a reading in; the target of each line in ms, 0 for the browser's own choice. */
  read(reading: PlayoutReading, nowMs: number): Map<string, number> {
    if (reading.roundTripMs !== null) {
      this.roundTripsMs = [...this.roundTripsMs, reading.roundTripMs].slice(-ROUND_TRIP_SAMPLES)
    }
    let active = 0
    for (const [mid, counters] of reading.lines) if (this.follow(mid, counters, nowMs)) active += 1
    const lossy = [...this.lines.values()].filter((line) => nowMs - line.lossyAtMs < LOSSY_MS).length
    const isOwnNetwork = lossy > 0 && lossy * 2 >= active
    const common = isOwnNetwork ? Math.max(0, ...[...reading.lines.keys()].map((mid) => this.activeTargetMs(mid))) : 0
    return new Map([...this.lines].map(([mid, line]) => [mid, Math.max(line.targetMs, common)]))
  }

  heldMs(mid: string): number | null {
    return this.lines.get(mid)?.heldMs ?? null
  }

  /** What rests makes nobody wait. */
  private activeTargetMs(mid: string): number {
    const line = this.lines.get(mid)
    return line?.isActive ? line.targetMs : 0
  }

  /** True when the line carries something at present. */
  private follow(mid: string, counters: LineCounters, nowMs: number): boolean {
    const line = this.lines.get(mid)
    if (!line) {
      this.lines.set(mid, newLine(counters))
      return counters.packets > 0
    }
    const before = line.counters
    line.counters = counters
    line.isActive = counters.packets > before.packets
    hold(line, before)
    if (!line.isActive) return false
    const isRepairing = counters.repairs > before.repairs
    const pictures = counters.pictures - before.pictures
    line.lateness.read({ pictures, tookMs: counters.assemblyMs - before.assemblyMs, height: counters.height, isRepairing }, nowMs)
    const isDamaged = counters.damage - before.damage > (counters.kind === 'audio' ? AUDIBLE_SAMPLES : 0)
    if (isRepairing || isDamaged) {
      line.lossyAtMs = nowMs
      const wanted = isDamaged ? this.afterDamage(line, before, nowMs) : line.targetMs
      line.targetMs = Math.min(MAX_TARGET_MS, Math.max(wanted, isRepairing ? this.repairMs(line) : 0))
    }
    if (!isDamaged && nowMs - line.damagedAtMs > line.holdMs) this.relax(line, nowMs)
    return true
  }

  private afterDamage(line: Line, before: LineCounters, nowMs: number): number {
    const { counters } = line
    const stopMs = stoppedMs(before, counters)
    const isAgain = line.targetMs > 0 && nowMs - line.damagedAtMs > CALM_MS
    if (isAgain && stopMs <= OUTAGE_MS) line.holdMs = Math.min(2 * line.holdMs, MAX_HOLD_MS)
    line.damagedAtMs = nowMs
    const moreMs = stopMs > OUTAGE_MS ? STEP_MS : Math.max(STEP_MS, stopMs)
    return Math.max(line.targetMs + moreMs, counters.kind === 'video' ? FIRST_STOP_MS : 0)
  }

  /** Nothing was damaged for long: a little shorter, but while repairs are needed never too short for them. */
  private relax(line: Line, nowMs: number): void {
    const leastMs = nowMs - line.lossyAtMs <= HOLD_MS ? this.repairMs(line) : 0
    line.targetMs = Math.min(line.targetMs, Math.max(leastMs, line.targetMs - DECAY_MS))
    if (line.targetMs <= leastMs) line.holdMs = HOLD_MS
  }

  /** What our own network loses is known by its round trip, what the sender's loses by how late pictures are. */
  private repairMs(line: Line): number {
    return Math.max(line.lateness.ms, ...this.roundTripsMs) * ROUND_TRIPS + MARGIN_MS
  }
}

function newLine(counters: LineCounters): Line {
  const never = Number.NEGATIVE_INFINITY
  return { counters, lateness: new Lateness(), targetMs: 0, readMs: null, heldMs: null, isActive: counters.packets > 0, lossyAtMs: never, damagedAtMs: never, holdMs: HOLD_MS }
}

/** In the very second in which the browser forgets, the average lies somewhere between. */
function hold(line: Line, before: LineCounters): void {
  const { kind, played, waitMs } = line.counters
  const shown = played - before.played
  const readMs = kind === 'video' && shown > 0 ? (waitMs - before.waitMs) / shown : null
  const agrees = readMs !== null && line.readMs !== null && Math.abs(readMs - line.readMs) <= AGREEING_MS
  line.heldMs = agrees ? readMs : null
  line.readMs = readMs
}

/** How long the picture stood still, of several stops on average. */
function stoppedMs(before: LineCounters, after: LineCounters): number {
  return after.kind === 'audio' ? 0 : (after.stoppedMs - before.stoppedMs) / (after.damage - before.damage)
}

interface StatsEntry {
  type: string
  kind?: string
  mid?: string
  state?: string
  nominated?: boolean
  packetsReceived?: number
  nackCount?: number
  concealedSamples?: number
  silentConcealedSamples?: number
  freezeCount?: number
  totalFreezesDuration?: number
  framesAssembledFromMultiplePackets?: number
  totalAssemblyTime?: number
  frameHeight?: number
  jitterBufferEmittedCount?: number
  jitterBufferTargetDelay?: number
  currentRoundTripTime?: number
}

export function playoutReading(entries: Iterable<StatsEntry>): PlayoutReading {
  const lines = new Map<string, LineCounters>()
  let roundTripMs: number | null = null
  for (const entry of entries) {
    if (entry.type === 'inbound-rtp' && entry.mid !== undefined && (entry.packetsReceived ?? 0) > 0) {
      lines.set(entry.mid, countersOf(entry))
    } else if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined) {
      roundTripMs = Math.max(roundTripMs ?? 0, entry.currentRoundTripTime * 1000)
    }
  }
  return { lines, roundTripMs }
}

function countersOf(entry: StatsEntry): LineCounters {
  const kind = entry.kind === 'audio' ? 'audio' : 'video'
  const madeUp = (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0)
  const damage = kind === 'audio' ? madeUp : (entry.freezeCount ?? 0)
  const stoppedMs = (entry.totalFreezesDuration ?? 0) * 1000
  const pictures = entry.framesAssembledFromMultiplePackets ?? 0
  const assemblyMs = (entry.totalAssemblyTime ?? 0) * 1000
  const packets = entry.packetsReceived ?? 0
  const repairs = entry.nackCount ?? 0
  const height = entry.frameHeight ?? 0
  const played = entry.jitterBufferTargetDelay === undefined ? 0 : (entry.jitterBufferEmittedCount ?? 0)
  const waitMs = (entry.jitterBufferTargetDelay ?? 0) * 1000
  return { kind, packets, repairs, damage, stoppedMs, pictures, assemblyMs, height, played, waitMs }
}

/** Not yet in TypeScript's library; Safari and older browsers lack it. */
type PatientReceiver = RTCRtpReceiver & { jitterBufferTarget?: number | null }

/** Reads one connection every second and sets its receivers, every half a second a little further. */
export class Playout {
  private readonly delay = new PlayoutDelay()
  private targets: ReadonlyMap<string, number> = new Map()
  private timers: ReturnType<typeof setInterval>[] = []

  constructor(
    private readonly connection: RTCPeerConnection,
    private readonly receiving: () => readonly RTCRtpTransceiver[],
  ) {}

  start(): void {
    if (this.timers.length > 0) return
    this.timers = [setInterval(() => void this.measure(), INTERVAL_MS), setInterval(() => this.approach(), APPROACH_MS)]
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer)
    this.timers = []
  }

  private async measure(): Promise<void> {
    const entries: StatsEntry[] = []
    try {
      const report = await this.connection.getStats()
      report.forEach((entry: StatsEntry) => entries.push(entry))
    } catch {
      return // closed meanwhile
    }
    this.targets = this.delay.read(playoutReading(entries), performance.now())
  }

  private approach(): void {
    for (const transceiver of this.receiving()) {
      const mid = transceiver.mid ?? ''
      const targetMs = this.targets.get(mid)
      if (targetMs !== undefined) approachTarget(transceiver.receiver, targetMs, this.delay.heldMs(mid))
    }
  }
}

/**
 * A browser holds the picture at once for as long as it is told to wait more: told all of it, it would be a stop.
 * Chromium forgets what it was told when it begins its timing anew (seen when the delay of a path had fallen), and the
 * attribute does not tell.
 */
function approachTarget(receiver: PatientReceiver, targetMs: number, heldMs: number | null): void {
  if (!('jitterBufferTarget' in receiver)) return
  const toldMs = receiver.jitterBufferTarget ?? 0
  const fromMs = heldMs !== null && toldMs - heldMs > FORGOTTEN_MS ? heldMs : toldMs
  const nextMs = Math.round(Math.min(targetMs, fromMs + APPROACH_STEP_MS))
  const wanted = nextMs > 0 ? nextMs : null
  if (receiver.jitterBufferTarget !== wanted) receiver.jitterBufferTarget = wanted
}
