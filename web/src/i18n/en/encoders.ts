import type zh from '../zh/encoders'
import type { Translated } from '../shape'

export default {
  heading: 'Encoders and players',
  about: 'A hall encoder or OBS can send into the meeting by WHIP; a player that speaks WHEP shows the stage. Each device has its own address and token.',
  name: 'Name of the device',
  name_example: 'e.g. hall encoder',
  add: { whip: 'Add an encoder', whep: 'Add a player' },
  kind: { whip: 'sends', whep: 'plays' },
  unnamed: { whip: 'Encoder', whep: 'Player' },
  made: 'Enter address and token in the device now: the token is shown only once.',
  address: 'Address',
  token: 'Token',
  copy: 'Copy',
  copied: 'Copied',
  select: 'The browser does not allow copying; the text is selected, please copy it yourself.',
  until: 'Good until {time}',
  revoke: 'Revoke',
  revoke_title: 'Revoke the token of “{name}”',
  revoke_text: 'The device that uses it is disconnected at once and cannot come back with it.',
  revoked: 'Revoked',
  none: 'No device has been added',
} satisfies Translated<typeof zh>
