import type { OutboxRestart, StorageLost } from '../core/notices.ts'
import type { HoldfastError } from '../protocol/errors.ts'
import { createListeners, type Listeners } from './listeners.ts'

/** What a connection tells besides its values. */
export interface ConnectionEvents {
  /** Client and server disagreed about what was sent: these messages may be repeated or lost. Kept until a listener has run in some tab, maybe a later one. */
  readonly outboxRestarted: OutboxRestart
  /** The browser took the storage away while the app ran. What could be saved goes on in a new one, under a new client id. Kept like `outboxRestarted`. */
  readonly storageLost: StorageLost
  /** The user has left, by `signOut()` `here` or in another tab. The connection is `closed`; show nothing of that user any more. */
  readonly signedOut: { readonly here: boolean }
  /** Something failed that no call could tell. Without a listener it goes to the browser's console. */
  readonly error: HoldfastError
}

/** Makes the lists of those who listen. `watched` is told when somebody begins to listen for what waits until it is heard, and when nobody does any more. */
export function createEventListeners(
  report: (error: unknown) => void,
  watched: (isListening: boolean) => void,
): { readonly [Name in keyof ConnectionEvents]: Listeners<[ConnectionEvents[Name]]> } {
  return {
    outboxRestarted: createListeners(report, watched),
    storageLost: createListeners(report, watched),
    signedOut: createListeners(report),
    error: createListeners(report),
  }
}
