import type { Translated } from '../shape'
import type zh from '../zh/common'

export default {
  app: 'Huitang',
  skip: 'Skip to main content',
  nav: {
    main: 'Main',
    home: 'Home',
    meetings: 'Meetings',
    makeup: 'Make-up',
    ledger: 'Ledger',
    settings: 'Settings',
    logout: 'Sign out',
    account: 'My account',
    me: 'Me',
    back: 'Back',
  },
  action: {
    ok: 'OK',
    cancel: 'Cancel',
    close: 'Close',
    save: 'Save',
    retry: 'Try again',
    reload: 'Reload',
    back: 'Back',
    home: 'Go home',
    login: 'Sign in again',
    more: 'Load more',
    show: 'Show',
    hide: 'Hide',
    load_latest: 'Load latest',
  },
  state: {
    loading: 'Loading',
    slow: 'Loading; the network is slow…',
    stuck: 'This is taking long. You can try again.',
    offline: 'No network; this is what it looked like at {time}',
    error_id: 'Error {id}',
    not_found_title: 'Page not found',
    not_found_text: 'The link may be out of date, or the content was removed.',
    optional: 'optional',
  },
} satisfies Translated<typeof zh>
