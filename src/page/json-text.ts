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
  if (value === null || typeof value === 'boolean') return
  if (typeof value === 'string') return checkText(value, path)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) refuse(path, `is ${value}`)
    return
  }
  if (typeof value !== 'object') refuse(path, `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`)
  if (levels === 0) refuse(path, `is nested deeper than ${MAX_DATA_DEPTH} levels, or contains itself`)
  if ('toJSON' in value) refuse(path, 'has a toJSON method: send what it returns')
  if (Object.getOwnPropertySymbols(value).length > 0) refuse(path, 'has a symbol key')
  const keys = Object.keys(value)
  if (Array.isArray(value)) {
    if (keys.length !== value.length) refuse(path, 'is an array with holes or named properties')
    value.forEach((item, at) => check(item, `${path}[${at}]`, levels - 1))
    return
  }
  if (!isPlain(value)) refuse(path, `is a ${value.constructor?.name ?? 'special'} object, not a plain one`)
  for (const key of keys) {
    checkText(key, `a key of ${path}`)
    if (key === '__proto__') refuse(path, 'has a key __proto__')
    check((value as Record<string, unknown>)[key], `${path}.${key}`, levels - 1)
  }
}

function checkText(text: string, path: string): void {
  if (/\p{Surrogate}/u.test(text)) refuse(path, 'holds half a surrogate pair')
}

/** An object literal of this realm or another, or one without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf'))
}

function refuse(path: string, why: string): never {
  throw new HoldfastError('invalid-data', `${path} ${why}.`)
}
