import { noteRestart, type AppNotice } from '../core/notices.ts'
import { emptyOutbox, hasQuestions, restartOutbox } from '../core/outbox.ts'
import type { OutboxEntry, OutboxState, ParkedMessage, StoredSendOnly } from '../core/ports.ts'
import type { Id, SessionKey } from '../protocol/messages.ts'
import { applyRecording, emptyMemory, type FateMemory, type MemoryHead, type Recording } from './fate-memory.ts'

/**
 * Everything a store holds besides the cache, indexed for the questions the `Store` port asks. Plain data:
 * `structuredClone` copies it.
 * Only {@link applyChange} changes it, after the change is durable.
 */
export interface StoredOutbox {
  session: SessionKey | null
  sendOnly: StoredSendOnly | null
  outbox: OutboxState
  /** Message id → number, of every entry in `outbox`. */
  readonly numbers: Map<Id, number>
  memory: FateMemory
  readonly parked: Map<Id, ParkedMessage>
  /** What no listener of the app has heard, in the order in which it happened. */
  notices: readonly AppNotice[]
  /** UTF-16 units of JSON text in `outbox` and `parked` together. */
  units: number
}

/** What one call changes, and what it returns. Absent fields stay as they are. */
export interface OutboxChange<T> {
  readonly result: T
  readonly outbox?: OutboxState
  /** Numbers whose entries were replaced; those that were added or settled are not among them. */
  readonly rewritten?: readonly number[]
  /** The memory has taken more, or begins anew. */
  readonly head?: MemoryHead
  readonly recording?: Recording
  readonly parked?: readonly ParkedMessage[]
  readonly unparked?: Id
  /** All that are left. */
  readonly notices?: readonly AppNotice[]
  readonly session?: SessionKey
  readonly sendOnly?: StoredSendOnly | null
}

/** A stored outbox with nothing in it, and a memory that knows nothing of what was taken before. */
export function emptyStoredOutbox(client: Id, sender: Id): StoredOutbox {
  return {
    session: null,
    sendOnly: null,
    outbox: emptyOutbox(client, sender),
    numbers: new Map(),
    memory: emptyMemory(client),
    parked: new Map(),
    notices: [],
    units: 0,
  }
}

/**
 * What is left when the user has signed out: nothing, or with `park` the messages and what the app was not told yet,
 * under a client id to which no server has given anything. That some of them may repeat is noted, too. Whoever comes
 * next is another sender, unless messages stay.
 */
export function signedOut(
  { outbox, parked, notices }: StoredOutbox,
  fresh: Pick<OutboxState, 'client' | 'sender'>,
  park: boolean,
  wallMs: number,
): StoredOutbox {
  const { client: newClient, sender } = fresh
  const left = emptyStoredOutbox(newClient, sender)
  if (!park) return left
  const after = restartOutbox(outbox, newClient, 'possibly-sent')
  const restart = { id: newClient, atMs: wallMs, reason: 'signed-out', mayRepeat: [], mayBeLost: [] } as const
  const kept = hasQuestions(after) ? noteRestart(notices, restart, hasQuestions(outbox)) : notices
  applyChange(left, { outbox: after, parked: [...parked.values()], notices: kept, result: undefined })
  return left
}

/** How many messages have no fate yet. */
export function countWaiting({ outbox }: StoredOutbox): number {
  return outbox.entries.filter(({ skip }) => !skip).length
}

/** The entries `after` has and `before` had not, of the same client. */
export function addedEntries(before: OutboxState, after: OutboxState): readonly OutboxEntry[] {
  return after.entries.slice(before.next - 1 - after.acked)
}

/** What is parked, oldest first. */
export function parkedByAge(stored: StoredOutbox): ParkedMessage[] {
  return [...stored.parked.values()].sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1))
}

/** Takes over a change that is durable. Costs as much as the change is big, not as much as the outbox is long. */
export function applyChange(stored: StoredOutbox, change: OutboxChange<unknown>): void {
  if (change.outbox) replaceOutbox(stored, change.outbox, change.rewritten ?? [])
  if (change.session) stored.session = change.session
  if (change.sendOnly !== undefined) stored.sendOnly = change.sendOnly
  if (change.notices) stored.notices = change.notices
  for (const message of change.parked ?? []) {
    stored.parked.set(message.id, message)
    stored.units += message.json.length
  }
  if (change.unparked !== undefined) {
    stored.units -= stored.parked.get(change.unparked)?.json.length ?? 0
    stored.parked.delete(change.unparked)
  }
  if (change.head) stored.memory.head = change.head
  if (change.recording) applyRecording(stored.memory, change.recording)
}

function replaceOutbox(stored: StoredOutbox, after: OutboxState, rewritten: readonly number[]): void {
  const before = stored.outbox
  stored.outbox = after
  const restarted = after.client !== before.client
  for (const entry of restarted ? before.entries : before.entries.slice(0, after.acked - before.acked)) {
    stored.numbers.delete(entry.id)
    stored.units -= entry.json.length
  }
  for (const n of rewritten) {
    stored.units += (after.entries[n - after.acked - 1]?.json.length ?? 0) - (before.entries[n - before.acked - 1]?.json.length ?? 0)
  }
  for (const entry of restarted ? after.entries : addedEntries(before, after)) {
    stored.numbers.set(entry.id, entry.n)
    stored.units += entry.json.length
  }
}
