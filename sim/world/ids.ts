import type { Random } from '../../src/core/ports.ts'
import type { SeededRandom } from '../../src/testing/seeded-random.ts'

/** Ids in the form of real ones, the same for the same seed. No two are alike, and none shows what it was made for. */
export function createIds(random: SeededRandom): Random {
  let made = 0
  return {
    fraction: () => random.next(),
    id: () => `id${String(++made).padStart(20, '0')}`,
  }
}
