import type { Translated } from '../shape'
import type zh from '../zh/login'

export default {
  title: 'Sign in',
  lead: 'Live meetings, lessons and their records',
  account: 'Account',
  password: 'Password',
  submit: 'Sign in',
  caps: 'Caps Lock is on',
  forgot: 'Forgotten your password? Ask your branch secretary or administrator.',
  tries_left: 'Account or password is wrong; {count} more tries.',
  throttled: 'Too many wrong attempts. Try again in {wait}.',
  notice: 'Attendance, sign-ins and remarks are kept for the minutes. Faces and places are never collected.',
  account_needed: 'Enter your account',
  password_needed: 'Enter your password',
} satisfies Translated<typeof zh>
