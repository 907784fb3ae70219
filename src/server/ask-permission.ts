import { HOOK_MS, isPromise, within } from './deadline.ts'
import type { Awaitable } from './engine.ts'
import type { Clock } from './ports.ts'

/** Asks one of the app's hooks whether something is allowed. One that throws or takes too long does not allow it. Never rejects. */
export function askPermission(clock: Clock, hook: () => Awaitable<boolean>, failed: (error: unknown) => void): Awaitable<boolean> {
  const refuse = (error: unknown): boolean => {
    failed(error)
    return false
  }
  try {
    const answer = hook()
    return isPromise(answer) ? within(clock, HOOK_MS, answer).then(isYes, refuse) : isYes(answer)
  } catch (error) {
    return refuse(error)
  }
}

/** Only `true` allows: a hook in plain JavaScript may give anything, and what it did not mean to allow stays refused. */
function isYes(answer: unknown): boolean {
  return answer === true
}
