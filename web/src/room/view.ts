/** What the room shows of itself to the layer above: one immutable value, replaced whole. */
import type { RoomGrants, RoomSnapshot, Source } from '../protocol/generated'
import type { MediaAccessError } from '../rtc/mediaAccess'
import type { MediaState } from '../rtc/RtcSession'
import type { Quality, StatsSample } from '../rtc/stats'
import type { SignalingCode } from '../signaling/SignalingError'
import type { SignalingState } from '../signaling/SignalingClient'

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
  readonly local: LocalSources
  readonly audioBlocked: boolean
  readonly quality: Quality
  readonly stats: StatsSample | null
}

/** News that need no place in the view: said once. */
export type RoomNotice =
  | { readonly kind: 'recovered'; readonly awayMs: number }
  | { readonly kind: 'muted_by_host'; readonly source: Source }
  | { readonly kind: 'source_lost'; readonly source: Source }
  | { readonly kind: 'access_problem'; readonly error: MediaAccessError }
  | { readonly kind: 'floor_given' }
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
  local: { microphone: OFF, camera: OFF, screen: OFF, screen_audio: OFF },
  audioBlocked: false,
  quality: 'good',
  stats: null,
}
