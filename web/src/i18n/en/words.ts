import type { Translated } from '../shape'
import type zh from '../zh/words'

export default {
  type: {
    general_meeting: 'General meeting',
    committee_meeting: 'Committee meeting',
    group_meeting: 'Group meeting',
    party_lesson: 'Lesson',
    theme_day: 'Theme day',
    org_life_meeting: 'Organisational life meeting',
    member_appraisal: 'Member appraisal',
  },
  state: { scheduled: 'Not started', live: 'Live now', interrupted: 'Interrupted', ended: 'Ended', cancelled: 'Cancelled' },
  role: { host: 'Host', recorder: 'Recorder', lecturer: 'Lecturer', member: 'Member', observer: 'Observer' },
  status: { full: 'Full member', probationary: 'Probationary member', activist: 'Activist', mass: 'Non-member' },
  ordinal: '{type} no. {n}',
  expected: '{n} expected',
  signed_in: '{n} signed in',
  expected_present: '{expected} expected · {present} present',
  host: 'Host {name}',
  lecturer: 'Lecturer {name}',
} satisfies Translated<typeof zh>
