import { checkWholeNumber } from './check-whole-number.ts'

/**
 * Numbers that look random and are the same for the same seed. For faults and simulations only, **never for ids**:
 * anybody can guess them.
 */
export interface SeededRandom {
  /** The next number, from 0 up to but without 1. */
  next(): number
  /** The next whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number
  /** A generator of its own for `label`: what it gives does not depend on how often this one was asked. */
  fork(label: number): SeededRandom
}

/**
 * Makes a generator (sfc32) from any whole number. What is none is refused with `invalid-option`, here and in its
 * methods.
 */
export function createSeededRandom(seed: number): SeededRandom {
  checkWholeNumber('seed', seed)
  let a = seed | 0
  let b = (seed / 2 ** 32) | 0
  let c = 0x9e3779b9 | 0
  let counter = 1

  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  // Neighbouring seeds give neighbouring numbers until the state is mixed.
  for (let round = 0; round < 12; round++) next()

  return {
    next,
    integer(min, max) {
      checkWholeNumber('min', min)
      checkWholeNumber('max', max)
      return min + Math.floor(next() * (max - min + 1))
    },
    fork(label) {
      checkWholeNumber('label', label)
      return createSeededRandom((Math.imul(seed | 0, 0x85ebca6b) ^ Math.imul(label + 1, 0xc2b2ae35)) >>> 0)
    },
  }
}
