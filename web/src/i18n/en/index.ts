import type zh from '../zh'
import type { Translated } from '../shape'
import common from './common'
import errors from './errors'
import room from './room'

export default { common, errors, room } satisfies Translated<typeof zh>
