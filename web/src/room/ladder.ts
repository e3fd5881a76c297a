/** The rungs for weak networks (all pictures → stage → stills → sound → text) and what each of them carries. Pure. */
import { QualityLevel, type RoomGrants, type Source } from '../protocol/generated'

export const RUNGS: readonly QualityLevel[] = [QualityLevel.FULL, QualityLevel.STAGE, QualityLevel.STILLS, QualityLevel.AUDIO, QualityLevel.TEXT]

export type Carried = 'faces' | 'stage' | 'stills' | 'sound'

/** Each rung keeps what stands below it. */
const LOWEST: Readonly<Record<Carried, QualityLevel>> = { faces: 'full', stage: 'stage', stills: 'stills', sound: 'audio' }

export function lowerOf(one: QualityLevel, other: QualityLevel): QualityLevel {
  return RUNGS.indexOf(one) >= RUNGS.indexOf(other) ? one : other
}

export function isBelow(one: QualityLevel, other: QualityLevel): boolean {
  return RUNGS.indexOf(one) > RUNGS.indexOf(other)
}

export function carries(level: QualityLevel, what: Carried): boolean {
  return !isBelow(level, LOWEST[what])
}

/** What a person who chose this rung does not want to send either: a camera costs more than all the sound. */
export function sourcesToStop(chosen: QualityLevel | null): Source[] {
  if (chosen === 'text') return ['camera', 'screen', 'microphone']
  return chosen === 'audio' ? ['camera', 'screen'] : []
}

/** Under which grant each source stands. */
const GRANT: Readonly<Record<Source, keyof RoomGrants>> = {
  microphone: 'publish_audio',
  camera: 'publish_video',
  screen: 'share_screen',
  screen_audio: 'share_screen',
}

export function mayPublish(grants: RoomGrants, source: Source): boolean {
  return grants[GRANT[source]]
}

export interface LevelNews {
  readonly level: QualityLevel
  /** false: it goes up again. */
  readonly lowered: boolean
}

/** What is worth saying of the own rung: steps that the network forced, not those that were chosen. */
export class LevelReport {
  private said: QualityLevel | null = null

  handleLevel(level: QualityLevel, chosen: QualityLevel | null): LevelNews | null {
    const said = this.said
    const isForced = isBelow(level, chosen ?? QualityLevel.FULL)
    this.said = isForced ? level : null
    if (this.said === said) return null
    return { level, lowered: isForced && isBelow(level, said ?? QualityLevel.FULL) }
  }
}
