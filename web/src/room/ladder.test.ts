import { describe, expect, it } from 'vitest'

import { carries, isBelow, LevelReport, lowerOf, mayPublish, RUNGS, sourcesToStop } from './ladder'
import { heightStep, picturesAt } from './pictures'

describe('the ladder', () => {
  it('keeps on each rung what stands below it', () => {
    const carried = RUNGS.map((level) => (['faces', 'stage', 'stills', 'sound'] as const).filter((what) => carries(level, what)))
    expect(carried).toEqual([['faces', 'stage', 'stills', 'sound'], ['stage', 'stills', 'sound'], ['stills', 'sound'], ['sound'], []])
  })

  it('takes the lower of what is chosen and what fits', () => {
    expect(lowerOf('stage', 'audio')).toBe('audio')
    expect(lowerOf('text', 'full')).toBe('text')
    expect(isBelow('full', 'full')).toBe(false)
  })

  it('stops sending what costs most only for those who chose so', () => {
    expect([null, 'full', 'stage', 'stills', 'audio', 'text'].map((level) => sourcesToStop(level as null).length)).toEqual([0, 0, 0, 0, 2, 3])
  })

  it('knows the grant of each source', () => {
    const grants = { publish_audio: true, publish_video: false, share_screen: false, remark: true, moderate: false }
    expect((['microphone', 'camera', 'screen', 'screen_audio'] as const).map((source) => mayPublish(grants, source))).toEqual([true, false, false, false])
  })
})

describe('LevelReport', () => {
  it('speaks of what is forced, step by step, and is silent about what is chosen', () => {
    const report = new LevelReport()
    expect(report.handleLevel('full', null)).toBeNull()
    expect(report.handleLevel('stage', null)).toEqual({ level: 'stage', lowered: true })
    expect(report.handleLevel('stage', null)).toBeNull()
    expect(report.handleLevel('audio', null)).toEqual({ level: 'audio', lowered: true })
    expect(report.handleLevel('stills', null)).toEqual({ level: 'stills', lowered: false })
    expect(report.handleLevel('full', null)).toEqual({ level: 'full', lowered: false })
    expect(report.handleLevel('stage', 'stage')).toBeNull()
    expect(report.handleLevel('stills', 'stage')).toEqual({ level: 'stills', lowered: true })
    expect(report.handleLevel('stage', 'stage')).toEqual({ level: 'stage', lowered: false })
  })
})

describe('heightStep', () => {
  it('rounds up to a step, and above the largest asks for all there is', () => {
    expect([1, 90, 91, 200, 360, 600, 1080, 1081].map((px) => heightStep(px))).toEqual([90, 90, 180, 270, 360, 720, 1080, 0])
  })

  it('does not chatter about the edge of a step', () => {
    expect(heightStep(365, 360)).toBe(360)
    expect(heightStep(379, 360)).toBe(540)
    expect(heightStep(265, 360)).toBe(360)
    expect(heightStep(240, 360)).toBe(270)
    expect(heightStep(0, 360)).toBe(360)
    expect(heightStep(500, 0)).toBe(540)
  })
})

describe('picturesAt', () => {
  it('asks for less on lower rungs', () => {
    const pictures = [{ publication_id: 'a' }, { publication_id: 'b' }]
    expect(RUNGS.map((level) => picturesAt(level, pictures).length)).toEqual([2, 1, 0, 0, 0])
  })
})
