import { describe, expect, it } from 'vitest'

import { bestGrid } from './bestGrid'

describe('bestGrid', () => {
  it('puts five and six people into 3 × 2, not 3 × 3', () => {
    expect(bestGrid(5, 1280, 720)).toMatchObject({ columns: 3, rows: 2 })
    expect(bestGrid(6, 1280, 720)).toMatchObject({ columns: 3, rows: 2 })
  })

  it('stacks in a tall box and lines up in a wide one', () => {
    expect(bestGrid(3, 240, 700)).toMatchObject({ columns: 1, rows: 3 })
    expect(bestGrid(3, 1200, 150)).toMatchObject({ columns: 3, rows: 1 })
  })

  it('never gives tiles that overflow the box', () => {
    for (let count = 1; count <= 25; count += 1) {
      for (const [width, height] of [[1280, 720], [390, 844], [844, 300], [200, 900]] as const) {
        const grid = bestGrid(count, width, height)
        expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(count)
        expect(grid.columns * grid.tileWidth + 8 * (grid.columns - 1)).toBeLessThanOrEqual(width)
        expect(grid.rows * grid.tileHeight + 8 * (grid.rows - 1)).toBeLessThanOrEqual(height)
      }
    }
  })

  it('is calm about nobody and about no room', () => {
    expect(bestGrid(0, 100, 100)).toMatchObject({ columns: 1, tileWidth: 0 })
    expect(bestGrid(3, 0, 0)).toMatchObject({ tileWidth: 0, tileHeight: 0 })
  })
})
