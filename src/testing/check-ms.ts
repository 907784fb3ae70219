import { invalidOption, readOptions } from '../protocol/read-options.ts'

/** The longest that a timer of Node waits. */
const MAX_MS = 2 ** 31 - 1

/**
 * Refuses what is no time that a timer can wait. @throws HoldfastError `invalid-option`, naming the argument, what came
 * and what it may be.
 */
export function checkMs(name: string, value: unknown): void {
  const ms = readOptions(value, 0, name) as number
  if (!(ms >= 0 && ms <= MAX_MS)) invalidOption(name, `must be a number from 0 to ${MAX_MS}, not ${ms}`)
}
