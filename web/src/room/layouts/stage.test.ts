import { describe, expect, it } from 'vitest'

import type { RoomSnapshot } from '../../protocol/generated'
import { participant, publication, roomSnapshot } from '../testRoom'
import { cameraOf, EMPTY_STAGE, HOLD_MS, isStageUndecided, selectStage, TAKE_MS, type StageInput, type StageState } from './stage'

function input(snapshot: RoomSnapshot, change: Partial<StageInput> = {}): StageInput {
  return { snapshot, speakers: [], ownPin: null, myId: 'me', ...change }
}

/** Runs the selector every 100 ms, as the page does. */
function after(ms: number, state: StageState, given: StageInput, startMs: number): StageState {
  let now = state
  for (let at = startMs; at <= startMs + ms; at += 100) now = selectStage(now, given, at)
  return now
}

const room = roomSnapshot({ publications: [publication('wang', 'camera'), publication('zhao', 'camera')] })

describe('selectStage', () => {
  it('shows a screen before everything else, and the latest of two', () => {
    const shared = { ...room, publications: [...room.publications, publication('wang', 'screen'), publication('zhao', 'screen')], pinned_publication_id: 'wang:camera' }
    expect(selectStage(EMPTY_STAGE, input(shared), 0)).toMatchObject({ source: 'screen', publicationId: 'zhao:screen' })
  })

  it('does not show me my own screen', () => {
    const shared = { ...room, publications: [...room.publications, publication('me', 'screen')] }
    expect(selectStage(EMPTY_STAGE, input(shared), 0).source).not.toBe('screen')
  })

  it("prefers the host's pin to mine, and mine to a voice", () => {
    const pinned = { ...room, pinned_publication_id: 'wang:camera' }
    expect(selectStage(EMPTY_STAGE, input(pinned, { ownPin: 'zhao:camera' }), 0)).toMatchObject({ source: 'host_pin', participantId: 'wang' })
    expect(after(TAKE_MS, EMPTY_STAGE, input(room, { ownPin: 'zhao:camera', speakers: ['wang'] }), 0)).toMatchObject({ source: 'own_pin', participantId: 'zhao' })
  })

  it('keeps a pinned person whose camera is off for a moment', () => {
    const dark = { ...room, publications: [], pinned_publication_id: 'wang:camera' }
    expect(selectStage(EMPTY_STAGE, input(dark), 0)).toMatchObject({ source: 'host_pin', participantId: 'wang', publicationId: null })
  })

  it('ignores a pin of somebody who left', () => {
    expect(selectStage(EMPTY_STAGE, input({ ...room, pinned_publication_id: 'gone:camera' }), 0).source).toBe('lecturer')
  })

  it('lets no cough take the stage', () => {
    const coughing = after(TAKE_MS - 200, EMPTY_STAGE, input(room, { speakers: ['wang'] }), 0)
    expect(coughing.source).toBe('lecturer')
    expect(isStageUndecided(coughing)).toBe(true)
    const quiet = after(1000, coughing, input(room), TAKE_MS)
    expect(quiet.speakerId).toBeNull()
    expect(isStageUndecided(quiet)).toBe(false)
  })

  it('gives the stage to a voice that lasts, and holds it', () => {
    const speaking = after(TAKE_MS, EMPTY_STAGE, input(room, { speakers: ['zhao'] }), 0)
    expect(speaking).toMatchObject({ source: 'speaker', participantId: 'zhao', publicationId: 'zhao:camera' })
    const answered = after(1400, speaking, input(room, { speakers: ['wang'] }), TAKE_MS + 100)
    expect(answered.participantId).toBe('zhao')
    const taken = after(HOLD_MS, answered, input(room, { speakers: ['wang'] }), TAKE_MS + 1600)
    expect(taken.participantId).toBe('wang')
  })

  it('stays with who spoke last when all fall silent', () => {
    const speaking = after(TAKE_MS, EMPTY_STAGE, input(room, { speakers: ['zhao'] }), 0)
    expect(after(60_000, speaking, input(room), 2000).participantId).toBe('zhao')
  })

  it('never makes me big for my own voice', () => {
    expect(after(5000, EMPTY_STAGE, input(room, { speakers: ['me'] }), 0).participantId).toBe('wang')
  })

  it('shows a speaker without a camera as an avatar', () => {
    const dark = roomSnapshot()
    expect(after(TAKE_MS, EMPTY_STAGE, input(dark, { speakers: ['zhao'] }), 0)).toMatchObject({ participantId: 'zhao', publicationId: null })
  })

  it('falls back to lecturer, host, anybody with a camera, anybody', () => {
    const people = [participant('me'), participant('a'), participant('b', { role: 'host' }), participant('c', { role: 'lecturer' })]
    const at = (count: number) => selectStage(EMPTY_STAGE, input(roomSnapshot({ participants: people.slice(0, count), publications: [publication('a', 'camera')] })), 0).participantId
    expect([at(4), at(3), at(2), at(1)]).toEqual(['c', 'b', 'a', null])
  })

  it('forgets a speaker who left', () => {
    const speaking = after(TAKE_MS, EMPTY_STAGE, input(room, { speakers: ['zhao'] }), 0)
    const left = roomSnapshot({ participants: [participant('me'), participant('wang')] })
    expect(selectStage(speaking, input(left), 9000)).toMatchObject({ speakerId: null, participantId: 'wang' })
  })
})

describe('cameraOf', () => {
  it('counts a muted camera as none', () => {
    expect(cameraOf({ participant_id: 'wang' }, roomSnapshot({ publications: [publication('wang', 'camera', { muted: true })] }))).toBeNull()
  })
})
