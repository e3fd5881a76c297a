/** What a phone has to fetch before it sees the first page, and before it stands in a room: held to its budget. */
import { gzipSync } from 'node:zlib'

import type { Plugin } from 'vite'

export interface Piece {
  readonly code: string
  /** Fetched with it: other pieces and styles, by file name. */
  readonly needs: readonly string[]
}

export interface Budget {
  readonly name: string
  /** Source files whose pieces are fetched for it; each page begins with the shell's. */
  readonly sources: readonly string[]
  readonly maxBytes: number
}

const SHELL = 'index.html'

export const BUDGETS: readonly Budget[] = [
  { name: 'shell', sources: [SHELL], maxBytes: 75_000 },
  { name: 'shell and room', sources: [SHELL, 'src/views/RoomView.vue', 'src/i18n/zh/room.ts'], maxBytes: 140_000 },
]

/** Everything that is fetched for these files, each once. Pure. */
export function fetchedFor(files: readonly string[], pieces: ReadonlyMap<string, Piece>): Set<string> {
  const found = new Set<string>()
  const open = [...files]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found.has(file)) continue
    found.add(file)
    open.push(...(pieces.get(file)?.needs ?? []))
  }
  return found
}

export function gzipBytes(files: Iterable<string>, pieces: ReadonlyMap<string, Piece>): number {
  let sum = 0
  for (const file of files) sum += gzipSync(pieces.get(file)?.code ?? '', { level: 9 }).length
  return sum
}

/** Says the sizes; over budget is an error on the build server and a warning elsewhere. */
export function bundleBudget(): Plugin {
  return {
    name: 'huitang:bundle-budget',
    apply: 'build',
    writeBundle(_options, bundle) {
      const pieces = new Map<string, Piece>()
      const fileOf = new Map<string, string>()
      for (const [file, output] of Object.entries(bundle)) {
        if (output.type === 'asset') {
          pieces.set(file, { code: String(output.source), needs: [] })
          continue
        }
        const styles = (output as { viteMetadata?: { importedCss: Set<string> } }).viteMetadata?.importedCss ?? []
        pieces.set(file, { code: output.code, needs: [...output.imports, ...styles] })
        for (const source of [output.facadeModuleId, ...output.moduleIds]) if (source) fileOf.set(source.split('?')[0] ?? '', file)
      }
      for (const budget of BUDGETS) {
        const files = budget.sources.map((source) => [...fileOf].find(([id]) => id.endsWith(`/${source}`))?.[1])
        const missing = budget.sources.filter((_source, index) => files[index] === undefined)
        if (missing.length > 0) this.error(`budget ${budget.name}: no chunk has ${missing.join(', ')}`)
        const bytes = gzipBytes(fetchedFor(files.filter((one) => one !== undefined), pieces), pieces)
        const text = `${budget.name}: ${String(bytes)} of ${String(budget.maxBytes)} bytes, gzip`
        if (bytes <= budget.maxBytes) this.info(text)
        else if (process.env.CI) this.error(text)
        else this.warn(text)
      }
    },
  }
}
