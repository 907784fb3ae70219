import type { OutboxContents, SendFate } from 'holdfast'

/** Who wrote something: a person's browser and the tab's number in it, or an agent. */
export interface Author {
  readonly kind: 'person' | 'agent'
  readonly id: string
  readonly name: string
  readonly tab?: number
}

/** What a tab sends. */
export interface Draft {
  readonly author: Author
  readonly text: string
}

/** What the server publishes. `id` is the id of the message it began as, or one of the server's own. */
export interface Entry extends Draft {
  readonly id: string
  /** What the server knows the message again by, where it began as one. */
  readonly key?: string
  readonly atMs: number
  /** Client and server have lost the memory of whether this was said before. */
  readonly mayRepeat?: boolean
}

/** What has been said, oldest first. */
export type Conversation = readonly Entry[]

/** As much as the server keeps. */
export const MAX_ENTRIES = 200

/** Takes in what was said. An entry that is known changes nothing. */
export function applyEntry(conversation: Conversation, entry: Entry): Conversation {
  if (conversation.some(({ id }) => id === entry.id)) return conversation
  return [...conversation, entry].slice(-MAX_ENTRIES)
}

/** A message this tab has sent and not yet heard of. */
export interface Own {
  readonly id: string
  readonly draft: Draft
  readonly atMs: number
  readonly fate: SendFate
  /** Why it failed. */
  readonly reason?: string
}

/** A line of the conversation as this browser sees it. */
export interface Line {
  readonly id: string
  readonly draft: Draft
  readonly atMs: number
  /** `null`: somebody else wrote it. */
  readonly fate: SendFate | null
  readonly mayRepeat: boolean
  readonly reason: string
}

/**
 * What has been said, then what this browser wants to say, in the order it was written. Each id once: what the server
 * says counts.
 */
export function linesOf(
  conversation: Conversation,
  outbox: OutboxContents,
  own: Iterable<Own>,
  person: string,
  mayRepeat: ReadonlySet<string>,
): readonly Line[] {
  const said = conversation.map(({ id, author, text, atMs, mayRepeat: isRepeat = false }): Line => {
    const isMine = author.kind === 'person' && author.id === person
    return { id, draft: { author, text }, atMs, fate: isMine ? 'applied' : null, mayRepeat: isRepeat, reason: '' }
  })
  const known = new Set(said.map(({ id }) => id))
  const unsaid: Line[] = []
  const add = (id: string, draft: Draft, atMs: number, fate: SendFate, reason = ''): void => {
    if (known.has(id)) return
    known.add(id)
    unsaid.push({ id, draft, atMs, fate, reason, mayRepeat: mayRepeat.has(id) })
  }
  for (const { id, data, atMs, possiblySent } of outbox.pending) add(id, data as Draft, atMs, possiblySent ? 'sent' : 'queued')
  for (const { id, data, atMs, fate, reason } of outbox.parked) add(id, data as Draft, atMs, fate, reason)
  for (const { id, draft, atMs, fate, reason } of own) add(id, draft, atMs, fate, reason)
  return [...said, ...unsaid.sort((one, other) => one.atMs - other.atMs)]
}
