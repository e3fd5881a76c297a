/** Who or what is big (ux.md §5.1): screen > host's pin > own pin > active speaker > lecturer. Pure, time is given. */
import type { ParticipantInfo, PublicationInfo, RoomSnapshot } from '../../protocol/generated'

export type StageSource = 'screen' | 'host_pin' | 'own_pin' | 'speaker' | 'lecturer' | 'none'

export interface StageState {
  readonly source: StageSource
  readonly participantId: string | null
  /** null: nothing to show but the person's avatar. */
  readonly publicationId: string | null
  /** The voice that holds the stage, kept while a pin or a screen covers it. */
  readonly speakerId: string | null
  readonly speakerSinceMs: number
  readonly challengerId: string | null
  readonly challengerSinceMs: number
}

export interface StageInput {
  readonly snapshot: RoomSnapshot
  readonly speakers: readonly string[]
  readonly ownPin: string | null
  readonly myId: string
}

/** A cough does not take the stage, and nobody loses it for taking breath. */
export const TAKE_MS = 1500
export const HOLD_MS = 3000

export const EMPTY_STAGE: StageState = {
  source: 'none',
  participantId: null,
  publicationId: null,
  speakerId: null,
  speakerSinceMs: 0,
  challengerId: null,
  challengerSinceMs: 0,
}

export function selectStage(previous: StageState, input: StageInput, nowMs: number): StageState {
  const voice = nextVoice(previous, input, nowMs)
  const shown = screenOf(input) ?? pinnedOf(input) ?? personOf(voice.speakerId, 'speaker', input) ?? lecturerOf(input)
  return { ...voice, ...(shown ?? { source: 'none', participantId: null, publicationId: null }) }
}

/** True while time alone can change the stage. */
export function isStageUndecided(state: StageState): boolean {
  return state.challengerId !== null
}

type Voice = Pick<StageState, 'speakerId' | 'speakerSinceMs' | 'challengerId' | 'challengerSinceMs'>
type Shown = Pick<StageState, 'source' | 'participantId' | 'publicationId'>

function nextVoice(previous: StageState, input: StageInput, nowMs: number): Voice {
  const isHere = (id: string | null): id is string => id !== null && input.snapshot.participants.some((one) => one.participant_id === id)
  const holder = isHere(previous.speakerId) ? previous.speakerId : null
  const loudest = input.speakers.find((id) => id !== input.myId && isHere(id)) ?? null
  const held: Voice = { speakerId: holder, speakerSinceMs: previous.speakerSinceMs, challengerId: null, challengerSinceMs: 0 }
  if (loudest === null || loudest === holder) return held
  const sinceMs = loudest === previous.challengerId ? previous.challengerSinceMs : nowMs
  const mayTake = holder === null || nowMs - previous.speakerSinceMs >= HOLD_MS
  if (mayTake && nowMs - sinceMs >= TAKE_MS) {
    return { speakerId: loudest, speakerSinceMs: nowMs, challengerId: null, challengerSinceMs: 0 }
  }
  return { ...held, challengerId: loudest, challengerSinceMs: sinceMs }
}

/** The latest screen: whoever begins to share wants to be seen. One's own screen is not shown to oneself. */
function screenOf(input: StageInput): Shown | null {
  const screens = input.snapshot.publications.filter((one) => one.source === 'screen' && one.participant_id !== input.myId)
  const screen = screens[screens.length - 1]
  return screen ? shownPublication(screen, 'screen') : null
}

function pinnedOf(input: StageInput): Shown | null {
  return pinOf(input.snapshot.pinned_publication_id, 'host_pin', input) ?? pinOf(input.ownPin, 'own_pin', input)
}

function pinOf(pin: string | null, source: StageSource, input: StageInput): Shown | null {
  if (pin === null) return null
  const publication = input.snapshot.publications.find((one) => one.publication_id === pin)
  if (publication) return shownPublication(publication, source)
  // A pinned camera that is off for a moment: the person stays, as an avatar.
  return personOf(pin.slice(0, pin.lastIndexOf(':')), source, input)
}

function shownPublication(publication: PublicationInfo, source: StageSource): Shown {
  return { source, participantId: publication.participant_id, publicationId: publication.publication_id }
}

function personOf(id: string | null, source: StageSource, input: StageInput): Shown | null {
  const person = input.snapshot.participants.find((one) => one.participant_id === id)
  return person ? { source, participantId: person.participant_id, publicationId: cameraOf(person, input.snapshot) } : null
}

function lecturerOf(input: StageInput): Shown | null {
  const others = input.snapshot.participants.filter((one) => one.participant_id !== input.myId)
  const withCamera = (one: ParticipantInfo): boolean => cameraOf(one, input.snapshot) !== null
  const person =
    others.find((one) => one.role === 'lecturer') ??
    others.find((one) => one.role === 'host') ??
    others.find(withCamera) ??
    others[0]
  return person ? personOf(person.participant_id, 'lecturer', input) : null
}

export function cameraOf(person: Pick<ParticipantInfo, 'participant_id'>, snapshot: RoomSnapshot): string | null {
  const camera = snapshot.publications.find((one) => one.participant_id === person.participant_id && one.source === 'camera')
  return camera && !camera.muted ? camera.publication_id : null
}
