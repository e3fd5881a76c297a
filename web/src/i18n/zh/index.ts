/** Words of the shell. The sections of single pages are loaded with them: see ../sections.ts. */
import common from './common'
import errors from './errors'
import login from './login'
import meetings from './meetings'
import settings from './settings'
import words from './words'

export default { common, errors, login, meetings, settings, words }
