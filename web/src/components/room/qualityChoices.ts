/** Which rungs a person can choose. The broadcast has one stream with pictures: it is watched, or left out. Pure. */
import type { QualityLevel } from '@/protocol/generated'

/** null: as much as fits. */
export type QualityChosen = QualityLevel | null

const LIVE: readonly QualityChosen[] = [null, 'stage', 'stills', 'audio', 'text']
const ON_AIR: readonly QualityChosen[] = [null, 'text']

export function qualityChoices(isOnAir: boolean): readonly QualityChosen[] {
  return isOnAir ? ON_AIR : LIVE
}

/** Which of them holds; whoever wanted less than everything of the live room watches the broadcast like anybody else. */
export function heldChoice(level: QualityChosen, isOnAir: boolean): QualityChosen {
  return qualityChoices(isOnAir).includes(level) ? level : null
}
