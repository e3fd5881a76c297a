/** What a recorder's code means to people: which words, and whether the lesson itself is still recorded. Pure. */
import type { RecordingInfo } from '@/protocol/generated'

export interface RecordingTrouble {
  /** Words for the badge in the header; null: the state's own words do. */
  badgeKey: string | null
  /** A sentence that says what it means and what to do. */
  textKey: string
}

const BADGES: Record<string, string | null> = {
  store_full: 'room.header.recording_upload_waits',
  store_away: 'room.header.recording_upload_waits',
  spool_full: 'room.header.recording_no_room',
  tap_unreachable: null,
  recorder_unavailable: null,
}

export function recordingTrouble(recording: RecordingInfo | null): RecordingTrouble | null {
  const code = recording?.code
  if (!code || recording.state === 'off' || recording.state === 'finished') return null
  const badgeKey = BADGES[code]
  return badgeKey === undefined ? { badgeKey: null, textKey: 'room.recording.trouble.other' } : { badgeKey, textKey: `room.recording.trouble.${code}` }
}
