import type { Delivery, HubApi, SendAnswer } from '../bridge/contract.ts'
import type { NewMessage } from '../core/ports.ts'
import { HoldfastError, type ErrorData } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import type { Sending } from './sent-message.ts'

/** Most messages in one call; the rest follows in the next. */
const MAX_GROUP = 1_000

interface Entry {
  readonly message: NewMessage
  readonly sending: Sending
}

/** The way from this tab into the hub's outbox. */
export interface Outgoing {
  /** Takes a message; it leaves with all others of the same microtask. */
  send(message: NewMessage, sending: Sending): void
  /** Follows a message that reaches the outbox by another way. */
  follow(id: Id, sending: Sending): void
  forget(id: Id): void
  /** Takes back a message that no hub was given yet. */
  takeBack(id: Id): boolean
  /** Messages an earlier hub was given and did not answer for, oldest first. */
  offers(): readonly NewMessage[]
  /** Ids of queued messages without a final fate. */
  unsettled(): readonly Id[]
  attached(hub: HubApi): void
  detached(): void
  /** The hub tells fates. */
  told(fates: NonNullable<Delivery['fates']>): void
  /** Nothing more will be sent or learnt. */
  close(error: HoldfastError): void
}

/**
 * Hands messages over in order: one call at a time, while the next group gathers. A group without an answer is asked about again, under the
 * same ids and before anything newer; a hub that has it already says so. `doubt` tells errors that are no answer, and resolves when it is known whether the
 * hub goes on.
 */
export function createOutgoing(doubt: (error: ErrorData) => Promise<void> | null): Outgoing {
  let waiting: Entry[] = []
  let handed: Entry[] = []
  let hub: HubApi | null = null
  let busyWith: HubApi | null = null
  let closed: HoldfastError | null = null
  const open = new Map<Id, Sending>()

  async function flush(): Promise<void> {
    const mine = hub
    if (mine === null || busyWith === mine) return
    busyWith = mine
    while (handed.length > 0 || waiting.length > 0) {
      if (handed.length === 0) handed = waiting.splice(0, MAX_GROUP)
      const answer = await mine.send(handed.map(({ message }) => message))
      // With a hub that is gone everything handed over stays, to be offered to the next one.
      if (hub !== mine) return
      const doubted = answer.ok ? null : doubt(answer.error)
      if (doubted) {
        await doubted
        if (hub !== mine) return
        continue
      }
      const group = handed
      handed = []
      group.forEach(({ message, sending }, at) => settle(message.id, sending, answer.ok ? answer.value[at] : answer))
    }
    busyWith = null
  }

  function settle(id: Id, sending: Sending, answer: SendAnswer | undefined): void {
    if (answer && 'queued' in answer) return sending.queued()
    open.delete(id)
    if (answer && 'ended' in answer) sending.told(answer.ended)
    else
      sending.failed(answer ? HoldfastError.from(answer.error) : new HoldfastError('hub-failed', 'The hub did not answer for the message.'))
  }

  return {
    send(message, sending) {
      if (closed) return sending.failed(closed)
      open.set(message.id, sending)
      waiting.push({ message, sending })
      queueMicrotask(() => void flush())
    },
    follow: (id, sending) => void open.set(id, sending),
    forget: (id) => void open.delete(id),
    takeBack(id) {
      const held = waiting.find(({ message }) => message.id === id)
      if (held === undefined) return false
      waiting = waiting.filter((entry) => entry !== held)
      open.delete(id)
      held.sending.failed(new HoldfastError('cancelled', 'The message was cancelled.'), 'cancelled')
      return true
    },
    offers: () => handed.map(({ message }) => message),
    unsettled() {
      const unasked = new Set([...handed, ...waiting].map(({ message }) => message.id))
      return [...open.keys()].filter((id) => !unasked.has(id))
    },
    attached(next) {
      hub = next
      void flush()
    },
    detached() {
      hub = null
    },
    told(fates) {
      for (const fate of fates) {
        open.get(fate.id)?.told(fate)
        if (fate.fate !== 'sent') open.delete(fate.id)
      }
    },
    close(error) {
      closed = error
      hub = null
      for (const sending of open.values()) sending.abandoned(error)
      open.clear()
      waiting = []
      handed = []
    },
  }
}
