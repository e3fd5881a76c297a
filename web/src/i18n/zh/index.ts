import common from './common'
import errors from './errors'
import room from './room'

export default { common, errors, room }
