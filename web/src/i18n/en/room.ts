import type zh from '../zh/room'
import type { Translated } from '../shape'

export default {
  title: 'Meeting room',
} satisfies Translated<typeof zh>
