/** What the room shows of itself to the layer above: one immutable value, replaced whole. */
import type { QualityLevel, RoomGrants, RoomSnapshot, Source } from '../protocol/generated'
import type { MediaAccessError } from '../rtc/mediaAccess'
import type { MediaState } from '../rtc/RtcSession'
import type { Quality, StatsSample } from '../rtc/stats'
import type { SignalingCode } from '../signaling/SignalingError'
import type { SignalingState } from '../signaling/SignalingClient'
import { OFF_AIR, type BroadcastView } from './Broadcast'

export type RoomPhase = 'idle' | 'entering' | 'joined' | 'closed'

/** `starting`: the browser asks for permission or opens the device. `muted`: the device is open, nothing is sent. */
export type LocalPhase = 'off' | 'starting' | 'live' | 'muted'

export interface LocalSource {
  readonly phase: LocalPhase
  readonly track: MediaStreamTrack | null
  readonly problem: MediaAccessError | null
}

export type LocalSources = Readonly<Record<Source, LocalSource>>

export interface Seat {
  readonly participantId: string
  readonly grants: RoomGrants
  /** A second device, beside the one that speaks: it watches and hears. */
  readonly companion: boolean
}

export interface RoomClosing {
  /** null: the person left. */
  readonly code: SignalingCode | null
  readonly reason: string
}

export interface RoomView {
  readonly phase: RoomPhase
  readonly signaling: SignalingState
  readonly media: MediaState
  /** Why there is no media, as long as it is not the network. */
  readonly mediaProblem: SignalingCode | null
  readonly closing: RoomClosing | null
  /** Since when pictures or commands do not get through; null: all is well. */
  readonly interruptedSinceMs: number | null
  readonly snapshot: RoomSnapshot | null
  readonly seat: Seat | null
  readonly clockOffsetMs: number
  readonly speakers: readonly string[]
  /** By publication id, the own ones among them. */
  readonly videoTracks: ReadonlyMap<string, MediaStreamTrack>
  /** Publications whose picture stands still because the network carries no more. */
  readonly pausedIds: ReadonlySet<string>
  readonly local: LocalSources
  /** The most that the person wants of the ladder; null: as much as fits. */
  readonly chosenLevel: QualityLevel | null
  /** The rung on which this seat is: chosen, or forced by the network. */
  readonly level: QualityLevel
  readonly broadcast: BroadcastView
  readonly audioBlocked: boolean
  readonly quality: Quality
  readonly stats: StatsSample | null
}

/** The own microphone and camera when the broadcast begins: nothing was on, or they wait for media. */
export type RestingSources = 'none' | 'resting'
/** And when media is there: nothing waited, they are on, or it took so long that they stay off. */
export type ReturnedSources = 'none' | 'resumed' | 'stopped'

/** News that need no place in the view: said once. */
export type RoomNotice =
  | { readonly kind: 'recovered'; readonly awayMs: number }
  | { readonly kind: 'muted_by_host'; readonly source: Source }
  | { readonly kind: 'source_lost'; readonly source: Source }
  | { readonly kind: 'access_problem'; readonly error: MediaAccessError }
  | { readonly kind: 'floor_given' }
  | { readonly kind: 'level'; readonly level: QualityLevel; readonly lowered: boolean }
  | { readonly kind: 'broadcast'; readonly on: true; readonly sources: RestingSources }
  | { readonly kind: 'broadcast'; readonly on: false; readonly sources: ReturnedSources }
  | { readonly kind: 'grants'; readonly taken: readonly Source[]; readonly given: readonly Source[] }
  | { readonly kind: 'recording_started' }
  | { readonly kind: 'recording_resumed' }
  | { readonly kind: 'recording_paused' }
  | { readonly kind: 'meeting_started' }

export const OFF: LocalSource = { phase: 'off', track: null, problem: null }

export const EMPTY_VIEW: RoomView = {
  phase: 'idle',
  signaling: 'idle',
  media: 'idle',
  mediaProblem: null,
  closing: null,
  interruptedSinceMs: null,
  snapshot: null,
  seat: null,
  clockOffsetMs: 0,
  speakers: [],
  videoTracks: new Map(),
  pausedIds: new Set(),
  local: { microphone: OFF, camera: OFF, screen: OFF, screen_audio: OFF },
  chosenLevel: null,
  level: 'full',
  broadcast: OFF_AIR,
  audioBlocked: false,
  quality: 'good',
  stats: null,
}
