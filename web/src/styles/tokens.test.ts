import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const css = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8')

function tokens(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`)
  const block = css.slice(start, css.indexOf('}', start))
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((match) => [match[1]!, match[2]!]))
}

/** WCAG 2.2, relative luminance and contrast ratio. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

function contrast(one: string, other: string): number {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (high! + 0.05) / (low! + 0.05)
}

const light = tokens(':root')
const dark = new Map([...light, ...tokens(":root[data-scene='room']")])
const room = new Map([...dark, ['bg', '#0f1115'] as const])

const TEXT: [string, string][] = [
  ...['ink', 'ink2', 'ink3', 'link', 'brand-text', 'over', 'ok', 'due'].flatMap((ink) => [[ink, 'bg'], [ink, 'surface']] as [string, string][]),
  ['ink', 'surface-2'],
  ['ink2', 'surface-2'],
  ...['over', 'due', 'ok', 'none', 'info'].map((tone) => [tone, `${tone}-bg`] as [string, string]),
  ['on-brand', 'brand'],
]
const SHAPES: [string, string][] = [['line-strong', 'surface'], ['focus', 'bg'], ['focus', 'surface'], ['speaking', 'bg'], ['brand', 'bg']]

describe.each([['light', light], ['dark', dark], ['room', room]] as const)('%s colours', (_name, colours) => {
  it.each(TEXT)('%s on %s can be read (4.5)', (ink, ground) => {
    expect(contrast(colours.get(ink)!, colours.get(ground)!)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(SHAPES)('%s on %s can be seen (3)', (shape, ground) => {
    expect(contrast(colours.get(shape)!, colours.get(ground)!)).toBeGreaterThanOrEqual(3)
  })
})
