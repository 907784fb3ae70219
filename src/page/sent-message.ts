import type { Id } from '../protocol/messages.ts'
import { createListeners } from './listeners.ts'

/**
 * How far a message has come. `sending`: on its way into the outbox. `queued`: it will take effect even if every tab closes. `sent`: it may
 * have left this machine. `applied`, `rejected`, `expired` and `cancelled` are final; so are `failed`: it was never queued, and `queued` says why, and
 * `unknown`: it may have taken effect, or may yet, and nobody can tell.
 */
export type SendFate = 'sending' | 'queued' | 'sent' | 'applied' | 'rejected' | 'expired' | 'cancelled' | 'failed' | 'unknown'

/** What `send` returns at once. */
export interface SentMessage<Reply = unknown> {
  /** Comes back as `origin` when the message is published, and names it on the server. */
  readonly id: Id
  readonly fate: SendFate
  /** Fulfilled when the message is in the outbox for good; rejected with a HoldfastError when it never will be. A message with `durable: false`: when it was handed to the socket; rejected with `unknown` when nobody answered whether it was. */
  readonly queued: Promise<void>
  /**
   * Fulfilled with the server's reply when the message has taken effect. Rejected with `rejected`, `forbidden`, `may-repeat`, `expired`, `cancelled`, or with `closed`
   * when this tab closed the connection before it knew. Rejected with `reply-lost` when it has taken effect and nobody remembers the reply any more. With `durable: false` nobody answers: rejected with `not-found`, or as `queued` is.
   */
  readonly applied: Promise<Reply>
  /** Calls `listener` after every change of `fate`. Returns how to stop. Needs no `this`. */
  readonly subscribe: (listener: () => void) => () => void
  /** Takes the message back. Rejects with `already-sent` when it may have left this machine, with `not-found` when it is no longer held. */
  cancel(): Promise<void>
}

/** A {@link SentMessage} seen from the side that learns its fate. */
export interface Sending {
  readonly message: SentMessage
  /** It has come this far, so it was queued. With an `error` it will not be applied, or nobody will tell. */
  told(fate: SendFate, error?: Error | null, reply?: unknown): void
  /** It ends in this tab without being queued, or nobody knows whether it was. */
  failed(error: Error, fate?: 'failed' | 'cancelled' | 'unknown'): void
}

/** The fates on the way; the others are final. */
const ON_THE_WAY: readonly SendFate[] = ['sending', 'queued', 'sent']

/** Makes a message that has just been sent. */
export function createSending(id: Id, cancel: () => Promise<void>, report: (error: unknown) => void): Sending {
  let fate: SendFate = 'sending'
  const [queued, resolveQueued, rejectQueued] = createOutcome<void>()
  const [applied, resolveApplied, rejectApplied] = createOutcome<unknown>()
  const listeners = createListeners<[]>(report)

  // Only the first outcome of a promise counts.
  function told(next: SendFate, error?: Error | null, reply?: unknown): void {
    resolveQueued()
    if (error) rejectApplied(error)
    else if (next === 'applied') resolveApplied(reply)
    // What the hub tells and what it answers may cross: a fate never goes back, and a final one stays.
    if (rank(next) <= rank(fate)) return
    fate = next
    listeners.emit()
  }

  return {
    message: {
      id,
      get fate() {
        return fate
      },
      queued,
      applied,
      subscribe: listeners.add,
      cancel,
    },
    told,
    failed(error, end = 'failed') {
      rejectQueued(error)
      told(end, error)
    },
  }
}

function rank(fate: SendFate): number {
  const at = ON_THE_WAY.indexOf(fate)
  return at < 0 ? ON_THE_WAY.length : at
}

/** A promise and its ends. A failure that nobody asked about is no unhandled rejection. */
function createOutcome<T>(): readonly [Promise<T>, (value: T) => void, (error: Error) => void] {
  let resolve = (_value: T): void => {}
  let reject = (_error: Error): void => {}
  const promise = new Promise<T>((...ends) => ([resolve, reject] = ends))
  promise.catch(() => {})
  return [promise, resolve, reject]
}
