import { describe, expect, it } from 'vitest'

import { fetchedFor, gzipBytes, type Piece } from './bundleBudget'

const pieces = new Map<string, Piece>([
  ['index.js', { code: 'shell', needs: ['vue.js', 'index.css'] }],
  ['vue.js', { code: 'vue', needs: ['index.js'] }],
  ['index.css', { code: 'a{}', needs: [] }],
  ['room.js', { code: 'room'.repeat(100), needs: ['vue.js'] }],
])

describe('what is fetched', () => {
  it('is counted once, however often it is needed', () => {
    expect([...fetchedFor(['index.js', 'room.js'], pieces)].sort()).toEqual(['index.css', 'index.js', 'room.js', 'vue.js'])
    expect(fetchedFor(['room.js'], pieces)).toContain('index.css')
  })

  it('is weighed as it travels', () => {
    expect(gzipBytes(['room.js'], pieces)).toBeLessThan(100)
    expect(gzipBytes(['index.js', 'vue.js'], pieces)).toBe(gzipBytes(['index.js'], pieces) + gzipBytes(['vue.js'], pieces))
  })
})
