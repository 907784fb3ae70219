import { HOOK_MS, isPromise, within } from './deadline.ts'
import type { Awaitable } from './engine.ts'
import type { Clock } from './ports.ts'

/**
 * Asks one of the app's hooks whether something is allowed. What it means that the hook throws or takes too long says
 * `failed`. Never rejects.
 */
export function askPermission(clock: Clock, hook: () => Awaitable<boolean>, failed: (error: unknown) => boolean): Awaitable<boolean> {
  try {
    const answer = hook()
    return isPromise(answer) ? within(clock, HOOK_MS, answer).then(isYes, failed) : isYes(answer)
  } catch (error) {
    return failed(error)
  }
}

/**
 * Only `true` allows: a hook in plain JavaScript may give anything, and what it did not mean to allow stays refused.
 */
function isYes(answer: unknown): boolean {
  return answer === true
}
