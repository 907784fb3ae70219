import type { Refusal } from './engine.ts'
import { HoldfastError } from '../protocol/index.ts'

/** What whoever publishes is told when the channel cannot be made. */
export function refusedChannel(refusal: Refusal): HoldfastError {
  return refusal === 'no-room'
    ? new HoldfastError('storage-full', 'The engine keeps as many channels as it may, and none of them can be given up.')
    : new HoldfastError(
        'invalid-option',
        'The option history gives no limits that this channel could be kept by: see the line history_failed in the log.',
      )
}
