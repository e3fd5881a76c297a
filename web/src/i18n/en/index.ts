import type { Translated } from '../shape'
import type zh from '../zh'
import common from './common'
import errors from './errors'
import login from './login'
import meetings from './meetings'
import settings from './settings'
import words from './words'

export default { common, errors, login, meetings, settings, words } satisfies Translated<typeof zh>
