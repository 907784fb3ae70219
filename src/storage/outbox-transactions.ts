import type { OutboxEntry, OutboxState, Random } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import type { Writes } from './connection.ts'
import { readOutbox, type FoundRows } from './read-outbox.ts'
import { MAX_RECORD_MESSAGES, SCHEMA_VERSION, type StoreName, type WriteTransaction } from './schema.ts'
import type { MemoryHead, Recording } from './fate-memory.ts'
import type { StoreTime } from './store-time.ts'
import { addedEntries, type OutboxChange, type StoredOutbox } from './stored-outbox.ts'
import { isRunRow } from './stored-rows.ts'

/** The stores that hold the outbox and what belongs to it. */
export const OUTBOX_STORES: readonly StoreName[] = ['run', 'session', 'outbox', 'fates', 'ended', 'parked', 'notices']

/** Whose writes count: which database it was, the owner's number in it, and after how many sign-outs. */
export interface Ownership {
  readonly store: Id
  readonly lease: number
  readonly signOuts: number
}

/** Reads everything but the cache. Throws `storage-newer` for rows of a newer schema: they are not ours to repair. */
async function findRows(tx: WriteTransaction): Promise<FoundRows> {
  const [run, session, sendOnly, outbox, fates, ended, parked, notices] = await Promise.all([
    tx.objectStore('run').get('run'),
    tx.objectStore('session').get('session'),
    tx.objectStore('session').get('sendOnly'),
    tx.objectStore('outbox').getAll(),
    tx.objectStore('fates').getAll(),
    tx.objectStore('ended').getAll(),
    tx.objectStore('parked').getAll(),
    tx.objectStore('notices').get('notices'),
  ])
  if (typeof run?.schema === 'number' && run.schema > SCHEMA_VERSION) {
    throw new HoldfastError('storage-newer', 'The database was written by a newer version of the app.')
  }
  return { run, session, sendOnly, outbox, fates, ended, parked, notices }
}

/** Reads the outbox again after a reconnection; the caller has seen that it is still the owner. */
export async function rereadOutbox(tx: WriteTransaction, random: Random, wallMs: number): Promise<StoredOutbox> {
  const { stored, corrupt } = readOutbox(await findRows(tx), random, wallMs)
  if (corrupt) throw corruptOutbox()
  return stored
}

/** What is said where rows cannot be trusted and are not replaced. */
function corruptOutbox(): HoldfastError {
  return new HoldfastError('storage-corrupt', 'The stored outbox cannot be read.')
}

/**
 * Becomes the owner, reads the outbox and goes on with its time; what cannot be trusted is replaced by what is left of
 * it, in the same transaction, or is `storage-corrupt` where that is not wanted.
 */
export async function takeLease(
  tx: WriteTransaction,
  random: Random,
  repairs: boolean,
  time: StoreTime,
  wallMs: number,
): Promise<{ stored: StoredOutbox; corrupt: boolean; own: Ownership; writes: Writes }> {
  const found = await findRows(tx)
  const { stored, corrupt } = readOutbox(found, random, wallMs)
  if (corrupt && !repairs) throw corruptOutbox()
  // Without a readable row nobody knows who owned the database: a new identity fences every earlier owner.
  const own = isRunRow(found.run)
    ? { store: found.run.store, lease: found.run.lease + 1, signOuts: found.run.signOuts ?? 0 }
    : { store: random.id(), lease: 1, signOuts: 0 }
  time.goOnFrom(isRunRow(found.run) ? found.run.offsetMs : 0)
  const repair = corrupt ? rewriteAll(tx, stored) : []
  return { stored, corrupt, own, writes: [...repair, putRun(tx, own, stored.outbox, stored.memory.head, time)] }
}

/** Replaces everything of the outbox by what is left after a sign-out. */
export function writeSignedOut(tx: WriteTransaction, own: Ownership, left: StoredOutbox, time: StoreTime): Writes {
  return [...rewriteAll(tx, left), putRun(tx, { ...own, signOuts: own.signOuts + 1 }, left.outbox, left.memory.head, time)]
}

function rewriteAll(tx: WriteTransaction, { session, sendOnly, outbox, memory, parked, notices }: StoredOutbox): Writes {
  return [
    ...OUTBOX_STORES.map((name) => tx.objectStore(name).clear()),
    ...(session ? [tx.objectStore('session').put(session, 'session')] : []),
    ...(sendOnly ? [tx.objectStore('session').put(sendOnly, 'sendOnly')] : []),
    ...putEntries(tx, outbox.entries),
    ...memory.rows.map((row) => tx.objectStore('fates').put(row, row.row)),
    ...memory.ended.map((row) => tx.objectStore('ended').put(row, row.row)),
    ...[...parked.values()].map((message) => tx.objectStore('parked').put(message, message.id)),
    ...(notices.length > 0 ? [tx.objectStore('notices').put(notices, 'notices')] : []),
  ]
}

/** The stores that {@link writeChange} needs for a change; the fewer there are, the cheaper the transaction. */
export function storesOf({ outbox, recording, parked, unparked, notices, session, sendOnly }: OutboxChange<unknown>): StoreName[] {
  return [
    'run',
    ...(outbox ? (['outbox'] as const) : []),
    ...(recording ? (['fates'] as const) : []),
    ...(recording?.packing ? (['ended'] as const) : []),
    ...(parked?.length || unparked !== undefined ? (['parked'] as const) : []),
    ...(notices ? (['notices'] as const) : []),
    ...(session || sendOnly !== undefined ? (['session'] as const) : []),
  ]
}

/** Writes one planned change. What comes before it is what the database holds. */
export async function writeChange(
  tx: WriteTransaction,
  own: Ownership,
  { outbox: before, memory, notices: noted }: StoredOutbox,
  change: OutboxChange<unknown>,
  time: StoreTime,
): Promise<Writes> {
  const { outbox = before, rewritten = [], head = memory.head, recording, parked = [], unparked, notices, session, sendOnly } = change
  // Reads come first: a write that nobody waits for yet must not fail unobserved.
  const keys = rewritten.length > 0 ? await tx.objectStore('outbox').getAllKeys() : []
  const writes: Promise<unknown>[] = []
  if (outbox !== before) writes.push(...writeOutbox(tx, before, outbox), ...rewriteRecords(tx, outbox, rewritten, keys))
  if (recording) writes.push(...writeRecording(tx, recording))
  if (outbox !== before || change.head || recording?.packing || time.isStale()) {
    const forgottenThrough = recording?.packing?.forgottenThrough ?? head.forgottenThrough
    writes.push(putRun(tx, own, outbox, { ...head, forgottenThrough }, time))
  }
  for (const message of parked) writes.push(tx.objectStore('parked').put(message, message.id))
  if (unparked !== undefined) writes.push(tx.objectStore('parked').delete(unparked))
  if (notices && notices !== noted) writes.push(tx.objectStore('notices').put(notices, 'notices'))
  if (session) writes.push(tx.objectStore('session').put(session, 'session'))
  if (sendOnly !== undefined)
    writes.push(sendOnly ? tx.objectStore('session').put(sendOnly, 'sendOnly') : tx.objectStore('session').delete('sendOnly'))
  return writes
}

function writeRecording(tx: WriteTransaction, { row, packing }: Recording): Promise<unknown>[] {
  const puts = [tx.objectStore('fates').put(row, row.row)]
  if (!packing) return puts
  const { throughRow, written, forgottenRow } = packing
  const ended = tx.objectStore('ended')
  return [
    tx.objectStore('fates').delete(IDBKeyRange.upperBound(throughRow)),
    ...puts,
    ...written.map((one) => ended.put(one, one.row)),
    ...(forgottenRow > 0 ? [ended.delete(IDBKeyRange.upperBound(forgottenRow))] : []),
  ]
}

function writeOutbox(tx: WriteTransaction, before: OutboxState, after: OutboxState): Promise<unknown>[] {
  if (after.client !== before.client) return [tx.objectStore('outbox').clear(), ...putEntries(tx, after.entries)]
  const settled = after.acked > before.acked ? [tx.objectStore('outbox').delete(IDBKeyRange.upperBound(after.acked))] : []
  return [...settled, ...putEntries(tx, addedEntries(before, after))]
}

function putEntries(tx: WriteTransaction, entries: readonly OutboxEntry[]): Promise<unknown>[] {
  const puts: Promise<unknown>[] = []
  for (let at = 0; at < entries.length; at += MAX_RECORD_MESSAGES) {
    const record = entries.slice(at, at + MAX_RECORD_MESSAGES)
    puts.push(tx.objectStore('outbox').put(record, record.at(-1)?.n))
  }
  return puts
}

/** Writes the records again that hold one of the numbers. `keys` are the last numbers of all records. */
function rewriteRecords(
  tx: WriteTransaction,
  { acked, entries }: OutboxState,
  numbers: readonly number[],
  keys: readonly number[],
): Promise<unknown>[] {
  const waiting = numbers.toSorted((a, b) => a - b)
  const puts: Promise<unknown>[] = []
  let at = 0
  let first = acked + 1
  for (const last of keys) {
    const from = at
    while ((waiting[at] ?? Infinity) <= last) at++
    if (at > from) puts.push(tx.objectStore('outbox').put(entries.slice(first - acked - 1, last - acked), last))
    first = last + 1
  }
  return puts
}

/** Writes the `run` row. */
export function putRun(
  tx: WriteTransaction,
  { store, lease, signOuts }: Ownership,
  outbox: OutboxState,
  head: MemoryHead,
  time: StoreTime,
): Promise<unknown> {
  const { client, sender, ledger, since, next, acked, ackedId, sentThrough } = outbox
  const row = {
    schema: SCHEMA_VERSION,
    store,
    lease,
    client,
    sender,
    ledger,
    since,
    next,
    acked,
    ackedId,
    sentThrough,
    ...head,
    offsetMs: time.storing(),
  }
  return tx.objectStore('run').put(signOuts > 0 ? { ...row, signOuts } : row, 'run')
}
