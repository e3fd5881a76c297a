/** Which pictures are asked for, and how high: in steps, so that a tile that grows by a pixel asks for nothing new. Pure. */
import type { QualityLevel, WantedPicture } from '../protocol/generated'
import { carries } from './ladder'

const STEPS_PX = [90, 180, 270, 360, 540, 720, 1080] as const

/** A tile that hovers about the edge of a step stays on the step where it was. */
const OVER = 1.05
const UNDER = 0.9

/** Rounded up to a step. Nothing yet measured, or more than the largest step: as large as it comes. */
export function heightStep(heightPx: number, before = 0): number {
  if (heightPx <= 0) return before
  const index = STEPS_PX.indexOf(before as (typeof STEPS_PX)[number])
  const below = STEPS_PX[index - 1] ?? 0
  if (index >= 0 && heightPx <= before * OVER && heightPx > below * UNDER) return before
  return STEPS_PX.find((step) => heightPx <= step) ?? 0
}

/** What is shown, the stage first; at a chosen rung that carries less, less is asked for. */
export function picturesAt(level: QualityLevel, pictures: readonly WantedPicture[]): readonly WantedPicture[] {
  if (carries(level, 'faces')) return pictures
  return carries(level, 'stage') ? pictures.slice(0, 1) : []
}
