import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import en from './en'
import enLedger from './en/ledger'
import enReplay from './en/replay'
import enRoom from './en/room'
import enEncoders from './en/encoders'
import enSchedule from './en/schedule'
import zh from './zh'
import zhLedger from './zh/ledger'
import zhReplay from './zh/replay'
import zhRoom from './zh/room'
import zhEncoders from './zh/encoders'
import zhSchedule from './zh/schedule'

type Tree = { readonly [key: string]: string | Tree }

const chinese: Tree = { ...zh, encoders: zhEncoders, ledger: zhLedger, replay: zhReplay, room: zhRoom, schedule: zhSchedule }
const english: Tree = { ...en, encoders: enEncoders, ledger: enLedger, replay: enReplay, room: enRoom, schedule: enSchedule }

function leaves(tree: Tree, prefix = ''): Map<string, string> {
  return new Map(Object.entries(tree).flatMap(([key, value]) => (typeof value === 'string' ? [[prefix + key, value] as const] : [...leaves(value, `${prefix}${key}.`)])))
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:vue|ts)$/.test(name) && !name.includes('.test.') && !name.startsWith('i18n'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
}

const zhWords = leaves(chinese)
const enWords = leaves(english)
const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

describe('texts', () => {
  it('have the same keys in both languages', () => {
    expect([...enWords.keys()].sort()).toEqual([...zhWords.keys()].sort())
  })

  it('have the same placeholders in both languages', () => {
    for (const [key, text] of zhWords) expect(placeholders(enWords.get(key) ?? ''), key).toEqual(placeholders(text))
  })

  it('are never empty', () => {
    const empty = [...zhWords, ...enWords].filter(([, text]) => text.trim() === '').map(([key]) => key)
    // An ordinary member has no office to name.
    expect(empty.filter((key) => key !== 'room.role.member')).toEqual([])
  })

  it('use no words of engineers and no exclamation marks in Chinese', () => {
    for (const [key, text] of zhWords) expect(text, key).not.toMatch(/WebRTC|TURN|ICE\b|JSON|！|!|亲|小伙伴/)
  })

  it('hold words and places for names alone: no stray braces, links or plurals', () => {
    for (const [key, text] of [...zhWords, ...enWords]) expect(text.replace(/\{\w+\}/g, ''), key).not.toMatch(/[@|{}]/)
  })

  it('exist for every key that the code names', () => {
    const named = sources(join(import.meta.dirname, '..')).flatMap((source) => [...source.matchAll(/\bt\(\s*'([\w.]+)'/g)].map((match) => match[1] ?? ''))
    expect(named.length).toBeGreaterThan(100)
    expect([...new Set(named)].filter((key) => !zhWords.has(key))).toEqual([])
  })

  it('exist for every kind of key that the code puts together', () => {
    const prefixes = sources(join(import.meta.dirname, '..')).flatMap((source) => [...source.matchAll(/\bt\(\s*`([\w.]+)\.\$\{/g)].map((match) => match[1] ?? ''))
    const known = [...zhWords.keys()]
    expect([...new Set(prefixes)].filter((prefix) => !known.some((key) => key.startsWith(`${prefix}.`)))).toEqual([])
  })
})
