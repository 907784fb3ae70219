import { isPromise } from './deadline.ts'
import { invalidOption } from '../protocol/read-options.ts'

/**
 * What a hook gives that has to answer at once. A promise is no answer, and one that fails must not end the process.
 *
 * @throws HoldfastError `invalid-option`
 */
export function answerNow<T>(name: string, answer: T): T {
  if (!isPromise(answer)) return answer
  answer.then(undefined, () => {})
  return invalidOption(name, 'must answer at once, and not with a promise')
}
