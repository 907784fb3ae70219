import type { IncomingMessage } from './options.ts'
import { messageKey, type Party } from './party.ts'

/** A message as the app gets it. */
export function incomingMessage(party: Party, message: Omit<IncomingMessage, 'key'>): IncomingMessage {
  return {
    ...message,
    // Made when it is asked for: the hash costs more than all the rest.
    get key() {
      return messageKey(party, message.id)
    },
  }
}
