import type { ErrorData } from '../protocol/errors.ts'

/** The answer to whatever is asked while no hub lives: nobody was asked. */
export const NO_HUB: ErrorData = { code: 'hub-failed', message: 'The hub is gone; another one is being started.' }

/** The answer to whatever was under way when its hub died, or was left: it may be done all the same. */
export const HUB_DIED: ErrorData = { code: 'hub-failed', message: 'The hub died before it answered.' }

/** Whether an error says nothing about a call but that nobody answered it. */
export function isUnanswered(error: ErrorData): boolean {
  return error === NO_HUB || error === HUB_DIED || error.code === 'hub-timeout'
}

/** Whether a call that gave this error may have been done all the same. */
export function mayBeDone(error: ErrorData): boolean {
  return error !== NO_HUB && (error.code === 'hub-failed' || error.code === 'hub-timeout')
}
