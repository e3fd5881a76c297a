/** What the form can tell about a wished password before the server is asked. The server decides. */

/** As in the server's PasswordChange. */
export const MIN_PASSWORD_LENGTH = 12

export interface PasswordWish {
  old: string
  next: string
  again: string
}

export interface PasswordFaults {
  old?: 'needed'
  next?: 'too_short' | 'unchanged'
  again?: 'differ'
}

export function passwordFaults(wish: PasswordWish): PasswordFaults {
  const faults: PasswordFaults = {}
  if (!wish.old) faults.old = 'needed'
  // The server counts characters, not UTF-16 units.
  if ([...wish.next].length < MIN_PASSWORD_LENGTH) faults.next = 'too_short'
  else if (wish.next === wish.old) faults.next = 'unchanged'
  if (wish.again !== wish.next) faults.again = 'differ'
  return faults
}
