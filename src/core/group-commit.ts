import type { Fate, NewMessage, OutboxEntry, Store } from './ports.ts'
import { HoldfastError } from '../protocol/errors.ts'

/** What became of one message handed to the store. */
export type Submitted = { readonly queued: OutboxEntry } | { readonly ended: Fate }

interface Waiting {
  readonly messages: readonly NewMessage[]
  readonly resolve: (submitted: readonly Submitted[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Brings messages into the store in groups: while one transaction is under way the next group gathers, so that a burst costs a few commits and a single
 * message none of the waiting. Callers are answered in the order they called. Knows nothing of numbers or sockets.
 * @param sendsAtOnce whether messages appended now count as sent from the start
 * @param appended told of every commit before its callers are
 */
export function createGroupCommit(
  store: Store,
  sendsAtOnce: () => boolean,
  appended: (client: string, entries: readonly OutboxEntry[], sent: boolean) => void,
): (messages: readonly NewMessage[]) => Promise<readonly Submitted[]> {
  let gathering: Waiting[] = []
  let committing = false

  const commit = async (group: readonly Waiting[]): Promise<void> => {
    try {
      const entries = await append(group.flatMap(({ messages }) => messages))
      let at = 0
      for (const waiting of group) await answer(waiting, entries.slice(at, (at += waiting.messages.length)))
    } catch (error) {
      // One caller too many must not cost the others their place.
      if (group.length > 1 && error instanceof HoldfastError && error.code === 'outbox-full') {
        for (const waiting of group) await commit([waiting])
      } else {
        for (const { reject } of group) reject(error)
      }
    }
  }

  const append = async (messages: readonly NewMessage[]): Promise<readonly (OutboxEntry | null)[]> => {
    const sent = sendsAtOnce()
    const { client, entries } = await store.append(messages, sent)
    appended(
      client,
      entries.filter((entry) => entry !== null),
      sent,
    )
    return entries
  }

  /** The messages are stored whatever comes of this: a fate that cannot be read is the trouble of its own caller only. */
  const answer = async ({ messages, resolve, reject }: Waiting, entries: readonly (OutboxEntry | null)[]): Promise<void> => {
    try {
      const ended = entries.includes(null) ? await store.fatesOf(messages.map(({ id }) => id)) : []
      const submitted = entries.map((entry, at): Submitted => {
        if (entry) return { queued: entry }
        const id = messages[at]?.id
        const fate = ended.find((candidate) => candidate.id === id)
        if (!fate) throw new HoldfastError('storage-corrupt', 'the store knows the message as ended but not how')
        return { ended: fate }
      })
      resolve(submitted)
    } catch (error) {
      reject(error)
    }
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
      gathering.push({ messages, resolve, reject })
      if (!committing) void work()
    })
}
