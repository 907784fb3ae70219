import { HoldfastError } from './errors.ts'

/**
 * A copy of the options `given`, which have no name and no type that `sample` has not. What is `undefined` counts as
 * left out; where `sample` has `undefined`, any value is taken as it is. A lone argument, such as a listener, is read
 * in the same way.
 * @throws HoldfastError `invalid-option`, naming the option, what came and what it may be.
 */
export function readOptions<T>(given: T, sample: unknown, name: string = 'options'): T {
  const kind = kindOf(sample)
  if (kindOf(given) !== kind) invalidOption(name, `must be of type ${kind}, not ${kindOf(given)}`)
  if (kind !== 'Object') return given
  const types = sample as Record<string, unknown>
  const result: Record<string, unknown> = {}
  for (const key of Object.keys({ ...given, ...types })) {
    const path = `${name}.${key}`
    if (!Object.hasOwn(types, key)) invalidOption(path, `is not one of ${Object.keys(types).join(', ')}`)
    // Inherited ones count, too.
    const value = given[key as keyof T]
    if (value !== undefined) result[key] = types[key] === undefined ? value : readOptions(value, types[key], path)
  }
  return result as T
}

/** Refuses an option or an argument, in one sentence. */
export function invalidOption(name: string, why: string): never {
  throw new HoldfastError('invalid-option', `${name} ${why}.`)
}

/** Tells a list, a promise or a map, which would pass for options without any, from an object of names. */
function kindOf(value: unknown): string {
  return typeof value === 'object' ? Object.prototype.toString.call(value).slice(8, -1) : typeof value
}
