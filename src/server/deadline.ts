import { errorFacts, fieldOf } from './error-facts.ts'
import type { Clock } from './ports.ts'

/** Longest time any of the app's hooks may take. */
export const HOOK_MS = 30_000

/** Whether a hook or an engine has not answered yet. What is no promise is used at once, without waiting a turn. */
export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && typeof fieldOf(value, 'then') === 'function'
}

/** Settles as `work` does, or rejects after `limitMs`; `late` is then called first. */
export function within<T>(clock: Clock, limitMs: number, work: PromiseLike<T>, late?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(limitMs, () => {
      late?.()
      reject(new Error(`nothing after ${limitMs} ms`))
    })
    // A promise of the app's may be one of its own making, whose `then` throws or calls back twice.
    Promise.resolve(work).then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })
}

/** What a log line may say of an error: its kind. The message may quote what must not be logged. */
export function kindOf(error: unknown): string {
  return errorFacts(error).kind
}
