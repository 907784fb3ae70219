import type { SeededRandom } from '../../src/testing/seeded-random.ts'

/**
 * What a browser has of SharedWorkers, for as long as it is there: `mixed` has them, and an app every other page of which does not want them. Where one
 * `throws`, `fails` to load its script, or stays `silent`, pages find out by themselves.
 */
export type Sharing = 'works' | 'missing' | 'mixed' | 'throws' | 'fails' | 'silent'

const SHARES: readonly (readonly [sharing: Sharing, share: number])[] = [
  ['missing', 0.14],
  ['mixed', 0.06],
  ['throws', 0.02],
  ['fails', 0.02],
  ['silent', 0.03],
]

/** Draws what a browser has: about one in four does without a SharedWorker. */
export function drawSharing(random: SeededRandom): Sharing {
  let left = random.next()
  for (const [sharing, share] of SHARES) if ((left -= share) < 0) return sharing
  return 'works'
}
