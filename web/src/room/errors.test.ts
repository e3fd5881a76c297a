import { describe, expect, it } from 'vitest'

import zhErrors from '../i18n/zh/errors'
import zhRoom from '../i18n/zh/room'
import { ErrorCode } from '../protocol/generated'
import { ACCESS_PROBLEMS, BROWSER_FAMILIES } from '../rtc/mediaAccess'
import { accessRecoveryOf, accessTextKeyOf, recoveryOf, textKeyOf } from './errors'

function lookUp(key: string): unknown {
  const messages: Record<string, unknown> = { errors: zhErrors, room: zhRoom }
  return key.split('.').reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], messages)
}

describe('errors of the room', () => {
  it('has a recovery and a text for every code', () => {
    for (const code of [...Object.values(ErrorCode), 'request_timeout', 'connection_lost'] as const) {
      expect(recoveryOf(code), code).toBeTruthy()
      expect(lookUp(textKeyOf(code)), code).toBeTypeOf('string')
    }
  })

  it('has a text for every way in which a device can fail', () => {
    for (const kind of ['microphone', 'camera', 'screen'] as const) {
      for (const problem of ACCESS_PROBLEMS) {
        expect(lookUp(accessTextKeyOf(kind, problem)), `${kind} ${problem}`).toBeTypeOf('string')
        expect(accessRecoveryOf(problem)).toBeTruthy()
      }
    }
  })

  it('describes the settings of every browser family', () => {
    for (const family of BROWSER_FAMILIES) expect(lookUp(`room.access.steps.${family}`), family).toBeTypeOf('string')
  })
})
