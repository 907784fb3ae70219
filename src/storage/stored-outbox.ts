import { emptyOutbox, restartOutbox } from '../core/outbox.ts'
import type { Fate, OutboxEntry, OutboxState, ParkedMessage, StoredSendOnly } from '../core/ports.ts'
import type { Id, SessionKey } from '../protocol/messages.ts'

/** How long the fate of a message is remembered after it was recorded. */
export const FATES_KEPT_MS = 600_000

/** Most fates that are remembered; the oldest go first. */
export const MAX_FATES = 100_000

/** Most text of replies and reasons in them, in UTF-16 units. */
export const MAX_FATE_UNITS: number = 16 * 2 ** 20

/** A fate and the wall-clock time it was recorded. */
export interface RecordedFate {
  readonly fate: Fate
  readonly atMs: number
}

/**
 * Everything a store holds besides the cache, indexed for the questions the `Store` port asks. Plain data: `structuredClone` copies it.
 * Only {@link applyChange} changes it, after the change is durable.
 */
export interface StoredOutbox {
  session: SessionKey | null
  sendOnly: StoredSendOnly | null
  outbox: OutboxState
  /** Message id → number, of every entry in `outbox`. */
  readonly numbers: Map<Id, number>
  /** In the order they were recorded. May hold fates older than {@link FATES_KEPT_MS}; {@link fateOf} does not show them. */
  readonly fates: Map<Id, RecordedFate>
  /** UTF-16 units of text in `fates`. */
  fateUnits: number
  /** Fates recorded before this time were given up because there were too many. */
  fatesFromMs: number
  readonly parked: Map<Id, ParkedMessage>
  /** UTF-16 units of JSON text in `outbox` and `parked` together. */
  units: number
}

/** What one call changes, and what it returns. Absent fields stay as they are. */
export interface OutboxChange<T> {
  readonly result: T
  readonly outbox?: OutboxState
  /** Numbers whose entries were replaced; those that were added or settled are not among them. */
  readonly rewritten?: readonly number[]
  readonly fates?: readonly Fate[]
  readonly parked?: readonly ParkedMessage[]
  readonly unparked?: Id
  readonly session?: SessionKey
  readonly sendOnly?: StoredSendOnly | null
}

/** A stored outbox with nothing in it. */
export function emptyStoredOutbox(client: Id): StoredOutbox {
  return {
    session: null,
    sendOnly: null,
    outbox: emptyOutbox(client),
    numbers: new Map(),
    fates: new Map(),
    fateUnits: 0,
    fatesFromMs: 0,
    parked: new Map(),
    units: 0,
  }
}

/** What is left when the user has signed out: nothing, or with `park` the messages, under a client id to which no server has given anything. */
export function signedOut({ outbox, parked }: StoredOutbox, newClient: Id, park: boolean): StoredOutbox {
  const left = emptyStoredOutbox(newClient)
  if (park)
    applyChange(left, { outbox: restartOutbox(outbox, newClient, 'possibly-sent'), parked: [...parked.values()], result: undefined }, 0)
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

/** The fate of a message, when it was recorded less than {@link FATES_KEPT_MS} ago. */
export function fateOf(stored: StoredOutbox, id: Id, nowMs: number): Fate | undefined {
  const recorded = stored.fates.get(id)
  return recorded && recorded.atMs > nowMs - FATES_KEPT_MS ? recorded.fate : undefined
}

/** What is parked, oldest first. */
export function parkedByAge(stored: StoredOutbox): ParkedMessage[] {
  return [...stored.parked.values()].sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1))
}

/** Takes over a change that is durable. Costs as much as the change is big, not as much as the outbox is long. */
export function applyChange(stored: StoredOutbox, change: OutboxChange<unknown>, nowMs: number): void {
  if (change.outbox) replaceOutbox(stored, change.outbox, change.rewritten ?? [])
  if (change.session) stored.session = change.session
  if (change.sendOnly !== undefined) stored.sendOnly = change.sendOnly
  for (const message of change.parked ?? []) {
    stored.parked.set(message.id, message)
    stored.units += message.json.length
  }
  if (change.unparked !== undefined) {
    stored.units -= stored.parked.get(change.unparked)?.json.length ?? 0
    stored.parked.delete(change.unparked)
  }
  if (change.fates) {
    for (const fate of change.fates) {
      forgetFate(stored, fate.id)
      stored.fates.set(fate.id, { fate, atMs: nowMs })
      stored.fateUnits += unitsOf(fate)
    }
    forgetOldFates(stored, nowMs)
  }
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

function forgetOldFates(stored: StoredOutbox, nowMs: number): void {
  let tooMany = false
  for (const [id, { atMs }] of stored.fates) {
    if (atMs > nowMs - FATES_KEPT_MS) {
      if (stored.fates.size <= MAX_FATES && stored.fateUnits <= MAX_FATE_UNITS) {
        if (tooMany) stored.fatesFromMs = atMs
        return
      }
      tooMany = true
    }
    forgetFate(stored, id)
  }
}

function forgetFate(stored: StoredOutbox, id: Id): void {
  const known = stored.fates.get(id)
  if (!known) return
  stored.fates.delete(id)
  stored.fateUnits -= unitsOf(known.fate)
}

function unitsOf(fate: Fate): number {
  return fate.fate === 'applied' ? (fate.replyJson?.length ?? 0) : fate.fate === 'rejected' ? fate.message.length : 0
}
