import { invalidOption, readOptions } from '../protocol/read-options.ts'

/**
 * Refuses what is no whole number from `min` to `max`. @throws HoldfastError `invalid-option`, naming the argument,
 * what came and what it may be.
 */
export function checkWholeNumber(
  name: string,
  value: unknown,
  min: number = Number.MIN_SAFE_INTEGER,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  const number = readOptions(value, 0, name) as number
  if (!Number.isInteger(number) || number < min || number > max) {
    invalidOption(name, `must be a whole number from ${min} to ${max}, not ${number}`)
  }
}
