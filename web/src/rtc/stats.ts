/** getStats → a word for the own connection (ux.md §5.6: from loss and round trip over 5 s, at most one change per 10 s). */

export type Quality = 'good' | 'fair' | 'weak'

/** Counters since the connection began. */
export interface StatsCounters {
  readonly packetsReceived: number
  readonly packetsLost: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly roundTripMs: number | null
  readonly remoteLossShare: number | null
}

export interface StatsSample {
  readonly lossShare: number
  readonly roundTripMs: number | null
  readonly receivedBps: number
  readonly sentBps: number
}

const WEAK_LOSS = 0.08
const FAIR_LOSS = 0.02
const WEAK_ROUND_TRIP_MS = 500
const FAIR_ROUND_TRIP_MS = 250
const HOLD_MS = 10_000

/** The entries we read; the DOM's own type for a report is an opaque map. */
interface StatsEntry {
  type: string
  packetsReceived?: number
  packetsLost?: number
  bytesReceived?: number
  bytesSent?: number
  nominated?: boolean
  state?: string
  currentRoundTripTime?: number
  fractionLost?: number
}

export function countersOf(entries: Iterable<StatsEntry>): StatsCounters {
  const sums = { packetsReceived: 0, packetsLost: 0, bytesReceived: 0, bytesSent: 0 }
  let roundTripMs: number | null = null
  let remoteLossShare: number | null = null
  for (const entry of entries) {
    if (entry.type === 'inbound-rtp') {
      sums.packetsReceived += entry.packetsReceived ?? 0
      sums.packetsLost += Math.max(0, entry.packetsLost ?? 0)
      sums.bytesReceived += entry.bytesReceived ?? 0
    } else if (entry.type === 'outbound-rtp') {
      sums.bytesSent += entry.bytesSent ?? 0
    } else if (entry.type === 'remote-inbound-rtp' && entry.fractionLost !== undefined) {
      remoteLossShare = Math.max(remoteLossShare ?? 0, entry.fractionLost)
    } else if (entry.type === 'candidate-pair' && entry.state === 'succeeded' && entry.currentRoundTripTime !== undefined) {
      roundTripMs = entry.currentRoundTripTime * 1000
    }
  }
  return { ...sums, roundTripMs, remoteLossShare }
}

export function sampleBetween(before: StatsCounters, after: StatsCounters, elapsedMs: number): StatsSample {
  const received = Math.max(0, after.packetsReceived - before.packetsReceived)
  const lost = Math.max(0, after.packetsLost - before.packetsLost)
  const inboundLoss = received + lost === 0 ? 0 : lost / (received + lost)
  const bitsPerSecond = (bytes: number): number => Math.round((Math.max(0, bytes) * 8000) / Math.max(1, elapsedMs))
  return {
    lossShare: Math.max(inboundLoss, after.remoteLossShare ?? 0),
    roundTripMs: after.roundTripMs,
    receivedBps: bitsPerSecond(after.bytesReceived - before.bytesReceived),
    sentBps: bitsPerSecond(after.bytesSent - before.bytesSent),
  }
}

export function qualityOf(sample: StatsSample): Quality {
  const roundTripMs = sample.roundTripMs ?? 0
  if (sample.lossShare > WEAK_LOSS || roundTripMs > WEAK_ROUND_TRIP_MS) return 'weak'
  if (sample.lossShare > FAIR_LOSS || roundTripMs > FAIR_ROUND_TRIP_MS) return 'fair'
  return 'good'
}

export interface QualityState {
  readonly quality: Quality
  readonly sinceMs: number
}

/** A word that changes all the time only worries people. */
export function holdQuality(state: QualityState, next: Quality, nowMs: number): QualityState {
  if (next === state.quality || nowMs - state.sinceMs < HOLD_MS) return state
  return { quality: next, sinceMs: nowMs }
}

export async function readCounters(connection: RTCPeerConnection): Promise<StatsCounters> {
  const report = await connection.getStats()
  const entries: StatsEntry[] = []
  report.forEach((entry: StatsEntry) => entries.push(entry))
  return countersOf(entries)
}
