import type { SeededRandom } from '../seeded-random.ts'
import { pick } from './random-json.ts'

const PIECES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\\u0000',
  '0',
  '-',
  'e9',
  'null',
  '{"__proto__":{"polluted":1}}',
  ' ',
  '\u0000',
  '\ud800',
]

/** The text with one to four small damages: something left out, put in, doubled or turned round. */
export function mutate(random: SeededRandom, text: string): string {
  let mutated = text
  for (let times = random.integer(1, 4); times > 0; times--) {
    const from = random.integer(0, mutated.length)
    const to = Math.min(mutated.length, from + random.integer(0, 12))
    const piece = mutated.slice(from, to)
    const instead = pick(random, ['', pick(random, PIECES), piece + piece, piece.split('').toReversed().join('')])
    mutated = mutated.slice(0, from) + instead + mutated.slice(to)
  }
  return mutated
}

/** Text that means nothing. */
export function noise(random: SeededRandom): string {
  return Array.from({ length: random.integer(0, 60) }, () => String.fromCharCode(random.integer(0, pick(random, [127, 255, 65_535])))).join(
    '',
  )
}

/** Mostly the text as it is, sometimes mutated, seldom noise in its place. */
export function maybeMutated(random: SeededRandom, text: string): string {
  const chance = random.next()
  return chance < 0.92 ? text : chance < 0.98 ? mutate(random, text) : noise(random)
}

/** The bytes with one to three of them changed, or cut short. */
export function mutateBytes(random: SeededRandom, bytes: Buffer): Buffer {
  const mutated = Buffer.from(bytes)
  for (let times = random.integer(1, 3); times > 0 && mutated.length > 0; times--) {
    // The header is where it hurts.
    mutated[random.integer(0, Math.min(mutated.length - 1, pick(random, [3, 13, 10_000])))] = random.integer(0, 255)
  }
  return random.next() < 0.3 ? mutated.subarray(0, random.integer(1, mutated.length)) : mutated
}
