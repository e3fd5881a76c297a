import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { isLooker } from './narrowVue'

const modules = join(import.meta.dirname, '../node_modules/')

describe('who imports all of Vue', () => {
  it.each(['vue-i18n/dist/vue-i18n.mjs', 'reka-ui/dist/shared/useId.js'])('is still %s', (name) => {
    expect(existsSync(modules + name)).toBe(true)
    expect(readFileSync(modules + name, 'utf8')).toMatch(/import \* as \w+ from ["']vue["']/)
    expect(isLooker(`${modules}${name}?v=1`)).toBe(true)
  })

  it('is nobody else', () => {
    expect(isLooker(`${modules}pinia/dist/pinia.mjs`)).toBe(false)
  })
})
