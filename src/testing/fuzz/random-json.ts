import type { SeededRandom } from '../seeded-random.ts'

/** One of the items. */
export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[random.integer(0, items.length - 1)] as T
}

/** A list of at most `most` items. */
export function some<T>(random: SeededRandom, most: number, make: () => T): T[] {
  return Array.from({ length: random.integer(0, most) }, make)
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Something that has the form of an id or a token. */
export function randomId(random: SeededRandom, length: number = 22): string {
  return Array.from({ length }, () => pick(random, ALPHABET.split(''))).join('')
}

const NUMBERS = [
  0,
  -0,
  1,
  2,
  3,
  5,
  -1,
  1.5,
  33,
  1_000,
  1e21,
  2 ** 31,
  2 ** 32,
  2 ** 48,
  2 ** 48 + 1,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e308,
]
const TEXTS = [
  '',
  ' ',
  'x',
  'null',
  '\u0000',
  '\ud800',
  '\u202e',
  '../..',
  '{"a":1}',
  'constructor',
  'throw',
  'reject',
  'wait',
  'é'.repeat(300),
]
const KEYS = ['a', 'n', 'id', 'type', '__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toJSON', 'length', 'then', '']

/** Any JSON value, with a liking for those that break things. */
export function randomJson(random: SeededRandom, depth: number = 3): unknown {
  switch (random.integer(0, depth > 0 ? 7 : 4)) {
    case 0:
      return pick(random, [null, true, false])
    case 1:
    case 2:
      return pick(random, NUMBERS)
    case 3:
      return pick(random, TEXTS)
    case 4:
      return randomId(random, pick(random, [21, 22, 22, 43]))
    case 5:
      return some(random, 4, () => randomJson(random, depth - 1))
    default:
      // Not a literal: an own key `__proto__` is wanted, not a prototype.
      return Object.fromEntries(some(random, 4, () => [pick(random, KEYS), randomJson(random, depth - 1)]))
  }
}

/** Gives each field as it is made, and now and then something else, or nothing. */
export function randomFields(random: SeededRandom, fields: Readonly<Record<string, unknown>>, errorRate: number): Record<string, unknown> {
  const entries = Object.entries(fields).flatMap(([key, value]): [string, unknown][] => {
    if (random.next() >= errorRate) return [[key, value]]
    return random.next() < 0.3 ? [] : [[key, randomJson(random)]]
  })
  return Object.fromEntries(random.next() < errorRate ? [...entries, [pick(random, KEYS), randomJson(random)]] : entries)
}
