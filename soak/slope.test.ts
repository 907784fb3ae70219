import { describe, expect, it } from 'vitest'
import { slopeOf } from './slope.ts'

const MINUTES = Array.from({ length: 12 }, (_, at) => at)
/** Up and down, without a trend. */
const NOISE = [3, -2, 1, -3, 2, -1, 1, -2, 3, -1, 2, -3]

describe('slope', () => {
  it('a line gives its rise, and is sure of it', () => {
    const { perUnit, lowerBound } = slopeOf(
      MINUTES,
      MINUTES.map((x) => 100 + 2 * x),
    )
    expect(perUnit).toBeCloseTo(2)
    expect(lowerBound).toBeCloseTo(2)
  })

  it('a leak within noise is seen: the lower bound is above nothing', () => {
    const { lowerBound } = slopeOf(
      MINUTES,
      MINUTES.map((x, at) => 100 + 2 * x + (NOISE[at] ?? 0)),
    )
    expect(lowerBound).toBeGreaterThan(1)
  })

  it('noise alone is no leak', () => {
    const { lowerBound } = slopeOf(
      MINUTES,
      MINUTES.map((_, at) => 100 + (NOISE[at] ?? 0)),
    )
    expect(lowerBound).toBeLessThan(0)
  })

  it('two points say nothing', () => {
    expect(slopeOf([0, 1], [0, 100]).lowerBound).toBe(-Infinity)
  })
})
