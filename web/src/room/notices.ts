/** Which events are said aloud, once. Pure: event and the room before it → news. */
import type { AnyRoomEvent, RoomSnapshot } from '../protocol/generated'
import type { RoomNotice } from './view'

export function noticesOf(event: AnyRoomEvent, before: RoomSnapshot, myId: string): RoomNotice[] {
  if (event.type === 'floor.changed') return event.floor?.participant_id === myId ? [{ kind: 'floor_given' }] : []
  if (event.type === 'meeting.changed') return event.state === 'live' && before.meeting.state === 'scheduled' ? [{ kind: 'meeting_started' }] : []
  if (event.type !== 'recording.changed' || event.recording.state === before.recording.state) return []
  if (event.recording.state === 'recording') return [{ kind: wentOn(before.recording.state) ? 'recording_resumed' : 'recording_started' }]
  return event.recording.state === 'paused' ? [{ kind: 'recording_paused' }] : []
}

function wentOn(before: string): boolean {
  return before === 'paused' || before === 'stalled'
}
