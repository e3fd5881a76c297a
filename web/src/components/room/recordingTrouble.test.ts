import { describe, expect, it } from 'vitest'

import en from '@/i18n/en/room'
import zh from '@/i18n/zh/room'

import { recordingTrouble } from './recordingTrouble'

const info = (code: string | null, state = 'recording') => ({ recording_id: 'r', state, since_ms: 4, code })

describe('recordingTrouble', () => {
  it('is silent while all is well', () => {
    expect(recordingTrouble(null)).toBeNull()
    expect(recordingTrouble(info(null))).toBeNull()
    expect(recordingTrouble(info('store_full', 'finished'))).toBeNull()
  })

  it('tells a full store from a full spool', () => {
    expect(recordingTrouble(info('store_full'))?.badgeKey).toBe('room.header.recording_upload_waits')
    expect(recordingTrouble(info('store_away'))?.textKey).toBe('room.recording.trouble.store_away')
    expect(recordingTrouble(info('spool_full', 'stalled'))?.badgeKey).toBe('room.header.recording_no_room')
  })

  it('has words in both languages for every code, known or not', () => {
    for (const code of ['store_full', 'store_away', 'spool_full', 'tap_unreachable', 'recorder_unavailable', 'internal_error']) {
      const key = recordingTrouble(info(code))?.textKey.split('.').at(-1) ?? ''
      for (const words of [en, zh]) expect((words.recording.trouble as Record<string, string>)[key]?.length).toBeGreaterThan(8)
    }
  })
})
