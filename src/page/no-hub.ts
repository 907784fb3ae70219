import type { ErrorData } from '../protocol/errors.ts'

/** The answer to whatever is asked while no hub lives. */
export const NO_HUB: ErrorData = { code: 'hub-failed', message: 'The hub is gone; another one is being started.' }

/** Whether an error says nothing about a call but that nobody answered it. */
export function isUnanswered(error: ErrorData): boolean {
  return error === NO_HUB || error.code === 'hub-timeout'
}
