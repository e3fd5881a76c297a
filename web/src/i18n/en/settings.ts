import type { Translated } from '../shape'
import type zh from '../zh/settings'

export default {
  language: 'Language',
  display: 'Display',
  big_text: 'Large text',
  big_text_help: 'Text and buttons are a quarter larger',
  theme: 'Colours',
  theme_system: 'As the system',
  theme_light: 'Light',
  theme_dark: 'Dark',
  account: 'Account',
  branch: 'Branch',
  logout_title: 'Sign out?',
  logout_text: 'Your sign-ins, remarks and make-up progress are kept on the server.',
  stay: 'Stay',
  this_device: 'These settings stay on this device.',
} satisfies Translated<typeof zh>
