import { MAX_DEPTH } from '../protocol/limits.ts'
import { HoldfastError } from '../protocol/errors.ts'

/** Levels that are left for data in a frame. */
const MAX_DATA_DEPTH = MAX_DEPTH - 4

/**
 * The JSON text of `data`, when reading it back gives the same data (but for −0, which becomes 0): plain objects, arrays, well-formed strings,
 * finite numbers, booleans and `null`, at most 60 levels deep.
 * @throws HoldfastError `invalid-data`, naming the place, for anything else: JSON would change it or leave it out in silence.
 */
export function jsonText(data: unknown): string {
  check(data, 'data', MAX_DATA_DEPTH)
  return JSON.stringify(data)
}

function check(value: unknown, path: string, levels: number): void {
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return
  if (typeof value === 'string' && !/\p{Surrogate}/u.test(value)) return
  if (typeof value === 'object' && levels) {
    const isList = Array.isArray(value)
    // Of a copy of an array, so that a hole counts as `undefined`.
    const entries = Object.entries(isList ? [...(value as unknown[])] : value)
    if (isPlain(value) && Reflect.ownKeys(value).length === entries.length + Number(isList)) {
      for (const [key, inner] of entries) {
        check(key, `a key of ${path}`, 1)
        check(key === '__proto__' ? undefined : inner, `${path}.${key}`, levels - 1)
      }
      return
    }
  }
  throw new HoldfastError('invalid-data', `${path} is not exactly JSON (${levels ? value?.constructor?.name : 'too many levels'}).`)
}

/** An array, an object literal of this realm or another, or one without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || !prototype || !Object.getPrototypeOf(prototype)
}
