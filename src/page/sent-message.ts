import type { Fate } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import { createLazyPromise } from './lazy-promise.ts'
import { createListeners } from './listeners.ts'

/**
 * How far a message has come. `sending`: on its way into the outbox. `queued`: it will take effect even if every tab closes. `sent`: it may
 * have left this machine. `applied`, `rejected`, `expired` and `cancelled` are final; so is `failed`: it was never queued, and `queued` says why.
 */
export type SendFate = 'sending' | 'queued' | 'sent' | 'applied' | 'rejected' | 'expired' | 'cancelled' | 'failed'

/** What `send` returns at once. */
export interface SentMessage<Reply = unknown> {
  /** Comes back as `origin` when the message is published, and names it on the server. */
  readonly id: Id
  readonly fate: SendFate
  /** Fulfilled when the message is in the outbox for good; rejected with a HoldfastError when it never will be. A message with `durable: false`: when it was handed to the socket. */
  readonly queued: Promise<void>
  /**
   * Fulfilled with the server's reply when the message has taken effect. Rejected with `rejected`, `forbidden`, `may-repeat`, `expired`, `cancelled`, or with `closed`
   * when this tab closed the connection before it knew. With `durable: false` nobody answers: rejected with `not-found`.
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
  queued(): void
  /** A message that nobody answers has left. */
  left(): void
  /** The hub says how far it is. */
  told(fate: Fate | { readonly fate: 'sent' }): void
  /** It ends in this tab without being queued. */
  failed(error: Error, fate?: 'failed' | 'cancelled'): void
  /** This tab will not learn more. */
  abandoned(error: Error): void
}

const ORDER: readonly SendFate[] = ['sending', 'queued', 'sent', 'applied']

/** Makes a message that has just been sent. */
export function createSending(id: Id, cancel: () => Promise<void>, report: (error: unknown) => void): Sending {
  let fate: SendFate = 'sending'
  const queued = createLazyPromise<void>()
  const applied = createLazyPromise<unknown>()
  const listeners = createListeners<[]>(report)
  // What the hub tells and what it answers may cross: a fate never goes back, and a final one stays.
  const advance = (next: SendFate): void => {
    const now = ORDER.indexOf(fate)
    if (now < 0 || now === 3 || (ORDER.includes(next) && ORDER.indexOf(next) <= now)) return
    fate = next
    listeners.emit()
  }
  const failed = (error: Error, end: 'failed' | 'cancelled' = 'failed'): void => {
    queued.reject(error)
    applied.reject(error)
    advance(end)
  }
  return {
    message: {
      id,
      get fate() {
        return fate
      },
      get queued() {
        return queued.read()
      },
      get applied() {
        return applied.read()
      },
      subscribe: (listener) => listeners.add(listener),
      cancel,
    },
    queued() {
      queued.resolve()
      advance('queued')
    },
    left() {
      queued.resolve()
      applied.reject(new HoldfastError('not-found', 'A message with durable: false gets no answer.'))
      advance('sent')
    },
    told(news) {
      queued.resolve()
      if (news.fate === 'applied') applied.resolve(news.replyJson === undefined ? undefined : JSON.parse(news.replyJson))
      else if (news.fate !== 'sent') applied.reject(fateError(news))
      advance(news.fate)
    },
    failed,
    abandoned(error) {
      if (fate === 'sending') failed(error)
      else applied.reject(error)
    },
  }
}

function fateError(fate: Exclude<Fate, { fate: 'applied' }>): HoldfastError {
  if (fate.fate !== 'rejected')
    return new HoldfastError(fate.fate, `The message ${fate.fate === 'expired' ? 'has expired' : 'was cancelled'}.`)
  const { reason, message } = fate
  return new HoldfastError(reason === 'failed' ? 'rejected' : reason === 'too-large' ? 'message-too-large' : reason, message)
}
