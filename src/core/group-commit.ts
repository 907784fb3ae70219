import type { Clock, Fate, NewMessage, OutboxEntry, Store } from './ports.ts'
import { STORE_DEADLINE_MS } from './store-deadline.ts'
import { HoldfastError, type ErrorData } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'

/** What became of one message handed to the store. */
export type Submitted = { readonly queued: OutboxEntry } | { readonly ended: Fate } | { readonly failed: ErrorData }

/** What group commit needs of the machine it serves. */
export interface CommitHost {
  readonly store: Store
  readonly clock: Clock
  /** Whether messages appended now count as sent from the start. */
  sendsAtOnce(): boolean
  /** The entry that waits under this id; a tombstone does not. */
  held(id: Id): OutboxEntry | undefined
  /** Told of every commit before its callers are. Callers of `refused` ids have long been told that their messages are not queued. */
  appended(client: string, entries: readonly OutboxEntry[], sent: boolean, refused: ReadonlySet<Id>): void
}

interface Waiting {
  readonly messages: readonly NewMessage[]
  readonly resolve: (submitted: readonly Submitted[]) => void
  readonly reject: (error: unknown) => void
}

/** What is said of a message that was handed over before, and may have been stored and have ended since. */
export const MAY_REPEAT: ErrorData = { code: 'may-repeat', message: 'nobody remembers whether the message has been applied already' }

const SILENT: ErrorData = { code: 'storage-failed', message: 'the store gave no answer' }

/**
 * Brings messages into the store in groups: while one transaction is under way the next group gathers, so that a burst costs a few commits and a single
 * message none of the waiting. Callers are answered in the order they called. Knows nothing of numbers or sockets.
 *
 * When the store does not answer within {@link STORE_DEADLINE_MS}, everybody who waits, and everybody who comes until it does, is told so at once.
 */
export function createGroupCommit(host: CommitHost): (messages: readonly NewMessage[]) => Promise<readonly Submitted[]> {
  const { store, clock } = host
  let gathering: Waiting[] = []
  let committing = false
  /** Not answered yet, in the order they called. */
  const unanswered = new Set<Waiting>()
  let isSilent = false
  /** Told as failed while the store may still take them in. */
  let refused = new Set<Id>()

  const commit = async (group: readonly Waiting[]): Promise<void> => {
    const stopDeadline = clock.setTimer(STORE_DEADLINE_MS, giveUp)
    let failure: unknown = null
    try {
      const entries = await append(group.flatMap(({ messages }) => messages))
      let at = 0
      for (const waiting of group) await answer(waiting, entries.slice(at, (at += waiting.messages.length)))
    } catch (error) {
      failure = error
    }
    const left = group.filter((waiting) => unanswered.has(waiting))
    // One caller too many must not cost the others their place.
    const isTooMuch = group.length > 1 && failure instanceof HoldfastError && failure.code === 'outbox-full'
    if (!isTooMuch) for (const waiting of left) await refuse(waiting, failure)
    stopDeadline()
    isSilent = false
    refused = new Set()
    if (isTooMuch) for (const waiting of left) if (unanswered.has(waiting)) await commit([waiting])
  }

  const append = async (messages: readonly NewMessage[]): Promise<readonly (OutboxEntry | null)[]> => {
    const sent = host.sendsAtOnce()
    const { client, entries } = await store.append(messages, sent)
    const stored = entries.filter((entry) => entry !== null)
    host.appended(client, stored, sent, refused)
    return entries
  }

  /** The messages are stored whatever comes of this: a fate that cannot be read is the trouble of its own message only. */
  const answer = async (waiting: Waiting, entries: readonly (OutboxEntry | null)[]): Promise<void> => {
    const submitted = await outcomes(waiting, entries)
    settle(waiting, () => waiting.resolve(submitted))
  }

  /** What an earlier commit has stored takes effect, or has ended, and did not fail; nor is that said of what may have ended. */
  const refuse = async (waiting: Waiting, failure: unknown): Promise<void> => {
    const again = await outcomes(
      waiting,
      waiting.messages.map(({ id }) => host.held(id) ?? null),
    )
    const isNew = (one: Submitted): boolean => 'failed' in one && one.failed === SILENT
    const failed = failure instanceof HoldfastError ? failure.toData() : SILENT
    settle(waiting, () => {
      if (again.every(isNew)) waiting.reject(failure)
      else waiting.resolve(again.map((one) => (isNew(one) ? { failed } : one)))
    })
  }

  const outcomes = async ({ messages }: Waiting, entries: readonly (OutboxEntry | null)[]): Promise<readonly Submitted[]> => {
    const ids = messages.map(({ id }) => id)
    const ended = entries.includes(null) ? await store.fatesOf(ids).catch(() => null) : []
    return messages.map(({ id, since }, at): Submitted => {
      const entry = entries[at]
      if (entry) return { queued: entry }
      const fate = ended?.find((one) => one.id === id)
      if (fate) return { ended: fate }
      return { failed: since && !(ended && store.reaches(since)) ? MAY_REPEAT : SILENT }
    })
  }

  const settle = (waiting: Waiting, tell: () => void): void => {
    if (unanswered.delete(waiting)) tell()
  }

  const giveUp = (): void => {
    isSilent = true
    gathering = []
    for (const waiting of unanswered) {
      const submitted = waiting.messages.map(unlessHeld)
      submitted.forEach((one, at) => 'failed' in one && refused.add(waiting.messages[at]?.id ?? ''))
      settle(waiting, () => waiting.resolve(submitted))
    }
  }

  /** What was queued before and is offered again stays queued, whatever the store says now. */
  const unlessHeld = ({ id, since }: NewMessage): Submitted => {
    const queued = host.held(id)
    return queued ? { queued } : { failed: since ? MAY_REPEAT : SILENT }
  }

  const work = async (): Promise<void> => {
    committing = true
    while (gathering.length > 0) {
      const group = gathering
      gathering = []
      await commit(group)
    }
    committing = false
  }

  return (messages) =>
    new Promise((resolve, reject) => {
      if (isSilent) return resolve(messages.map(unlessHeld))
      const waiting = { messages, resolve, reject }
      unanswered.add(waiting)
      gathering.push(waiting)
      if (!committing) void work()
    })
}
