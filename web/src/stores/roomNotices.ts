/** The room's news in words; null where a dialog or a banner says it. */
import type { ToastItem } from '@/components/base/toast'
import { t } from '@/i18n'
import type { Source } from '@/protocol/generated'
import { accessTextKeyOf } from '@/room/errors'
import type { RoomNotice } from '@/room/view'

export interface Said {
  text: string
  tone: ToastItem['tone']
}

export function noticeText(notice: RoomNotice): Said | null {
  switch (notice.kind) {
    case 'recovered':
      return { text: t('room.banner.recovered', { time: awayText(notice.awayMs) }), tone: 'ok' }
    case 'muted_by_host':
      return { text: t(notice.source === 'microphone' ? 'room.notice.muted_by_host' : 'room.notice.camera_by_host'), tone: 'info' }
    case 'source_lost':
      return { text: t(notice.source === 'microphone' ? 'room.notice.microphone_lost' : 'room.notice.camera_lost'), tone: 'over' }
    case 'access_problem':
      return notice.error.problem === 'denied' ? null : { text: t(accessTextKeyOf(notice.error.kind, notice.error.problem)), tone: 'over' }
    case 'recording_started':
      return { text: t('room.notice.recording_started'), tone: 'info' }
    case 'recording_resumed':
      return { text: t('room.notice.recording_resumed'), tone: 'info' }
    case 'recording_paused':
      return { text: t('room.notice.recording_paused'), tone: 'info' }
    case 'meeting_started':
      return { text: t('room.notice.meeting_started'), tone: 'info' }
    case 'level':
      return { text: t(`room.level.${notice.lowered ? 'lowered' : 'raised'}.${notice.level}`), tone: notice.lowered ? 'info' : 'ok' }
    case 'broadcast':
      return { text: t(`room.broadcast.${notice.on ? 'on' : 'off'}.${notice.sources}`), tone: notice.on ? 'info' : 'ok' }
    case 'grants':
      return grantsText(notice.taken, notice.given)
    case 'floor_given':
      return null
  }
}

function awayText(awayMs: number): string {
  const seconds = Math.max(1, Math.round(awayMs / 1000))
  const minutes = Math.floor(seconds / 60)
  return minutes === 0 ? t('room.time.seconds', { seconds }) : t('room.time.minutes', { minutes, seconds: seconds % 60 })
}

function grantsText(taken: readonly Source[], given: readonly Source[]): Said {
  const what = (sources: readonly Source[]): string => sources.map((source) => t(`room.grants.${source === 'screen_audio' ? 'screen' : source}`)).join(t('room.grants.and'))
  if (taken.length > 0) return { text: t('room.grants.taken', { what: what(taken) }), tone: 'over' }
  return { text: t('room.grants.given', { what: what(given) }), tone: 'ok' }
}
