import { describe, expect, it } from 'vitest'
import { createSeededRandom } from './seeded-random.ts'

const series = (seed: number, count = 5): number[] => {
  const random = createSeededRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

describe('seeded random', () => {
  it('the same seed gives the same numbers, another seed gives others', () => {
    expect(series(7)).toEqual(series(7))
    const all = Array.from({ length: 200 }, (_, seed) => series(seed)).flat()
    expect(new Set(all).size).toBe(all.length)
  })

  it('numbers lie from 0 up to but without 1 and fill the range evenly', () => {
    const buckets = Array.from({ length: 10 }, () => 0)
    for (const number of series(3, 20_000)) {
      expect(number >= 0 && number < 1).toBe(true)
      buckets[Math.floor(number * 10)]! += 1
    }
    for (const count of buckets) expect(Math.abs(count - 2_000)).toBeLessThan(200)
  })

  it('whole numbers reach both ends of their range', () => {
    const random = createSeededRandom(1)
    expect(new Set(Array.from({ length: 200 }, () => random.integer(2, 5)))).toEqual(new Set([2, 3, 4, 5]))
  })

  it('a fork does not depend on how often its parent was asked', () => {
    const fresh = createSeededRandom(9)
    const used = createSeededRandom(9)
    used.next()
    expect(used.fork(4).next()).toBe(fresh.fork(4).next())
    expect(fresh.fork(5).next()).not.toBe(fresh.fork(4).next())
  })
})
