import { noteRestart, type NewRestart } from '../core/notices.ts'
import { emptyOutbox, restartOutbox } from '../core/outbox.ts'
import type { OutboxEntry, OutboxState, Random } from '../core/ports.ts'
import type { Id } from '../protocol/messages.ts'
import { memoryOf, rememberedFates, type EndedRow, type FateMemory, type FatesRow } from './fate-memory.ts'
import type { RunRow } from './schema.ts'
import { applyChange, emptyStoredOutbox, type StoredOutbox } from './stored-outbox.ts'
import {
  isAppNotice,
  isEndedRow,
  isFatesRow,
  isOutboxEntry,
  isParkedMessage,
  isRunRow,
  isSessionKey,
  isStoredSendOnly,
  senderIn,
} from './stored-rows.ts'

/** What the database holds of the outbox, as it was found. */
export interface FoundRows {
  readonly run: unknown
  readonly session: unknown
  readonly sendOnly: unknown
  readonly outbox: readonly unknown[]
  readonly fates: readonly unknown[]
  readonly ended: readonly unknown[]
  readonly parked: readonly unknown[]
  readonly notices: unknown
}

/**
 * The outbox that the rows stand for. Rows that cannot all be trusted give an outbox of what is readable, restarted
 * under a new client id and marked to be asked about:
 * a message may be asked about in vain, but none may pass for one it is not. The app is to be told.
 */
export function readOutbox(found: FoundRows, random: Random, wallMs: number): { stored: StoredOutbox; corrupt: boolean } {
  const run = isRunRow(found.run) ? found.run : null
  const records = found.outbox.flatMap((record) => (Array.isArray(record) ? (record as unknown[]) : [null]))
  const readable = records.filter(isOutboxEntry)
  const fateRows = found.fates.filter(isFatesRow)
  const endedRows = found.ended.filter(isEndedRow)
  const parked = found.parked.filter(isParkedMessage)
  const noticed: readonly unknown[] = found.notices === undefined ? [] : Array.isArray(found.notices) ? found.notices : [null]
  const notices = noticed.filter(isAppNotice)
  const session = isSessionKey(found.session) ? found.session : null

  const fresh = random.id()
  // What is sent again is to be known again, whatever else of the row cannot be read.
  const stored = emptyStoredOutbox(fresh, senderIn(found.run) ?? random.id())
  // A record may outlive some of its messages: it is deleted when all of them are settled.
  const entries = readable.filter((entry) => entry.n > (run?.acked ?? 0))
  const others = [records, found.fates, found.ended, found.parked, noticed]
  const isNew = found.run === undefined && found.session === undefined && others.every(({ length }) => length === 0)
  const isWhole =
    run !== null &&
    readable.length === records.length &&
    fateRows.length === found.fates.length &&
    endedRows.length === found.ended.length &&
    parked.length === found.parked.length &&
    notices.length === noticed.length &&
    (session !== null || found.session === undefined) &&
    isGapless(run, entries)
  const corrupt = !isNew && !isWhole
  // The next answer to `hello` gives another: one that cannot be read is no loss. One of an outbox that is restarted
  // would be of an earlier client id.
  const sendOnly = !corrupt && isStoredSendOnly(found.sendOnly) ? found.sendOnly : null
  stored.memory = readMemory(run, corrupt, fateRows, endedRows, fresh)
  const outbox = corrupt ? salvage(run, entries, stored, fresh) : run ? outboxOf(run, entries) : stored.outbox
  const told = corrupt
    ? noteRestart(
        notices,
        corruptRestart(outbox, wallMs),
        entries.some(({ recall }) => recall),
      )
    : notices
  applyChange(stored, { outbox, parked, notices: told, sendOnly, ...(session ? { session } : {}), result: undefined })
  return { stored, corrupt }
}

/** What the app is told of it: whom nobody can be asked about may repeat, whatever else may be found. */
function corruptRestart({ client, entries }: OutboxState, atMs: number): NewRestart {
  const marked = entries.filter(({ mayRepeat }) => mayRepeat)
  return { id: client, atMs, reason: 'storage-corrupt', mayRepeat: marked.map(({ id }) => id), mayBeLost: [] }
}

/**
 * A memory that may have lost something begins anew with what is left: counts that were told by the one before mean
 * nothing to it.
 */
function readMemory(run: RunRow | null, corrupt: boolean, rows: FatesRow[], ended: readonly EndedRow[], fresh: Id): FateMemory {
  // Later rows get the numbers after the last that is left.
  const namedRow = Math.min(run?.namedRow ?? 0, rows.at(-1)?.row ?? 0)
  if (run && !corrupt)
    return memoryOf({ memory: run.memory, taken: run.taken, forgottenThrough: run.forgottenThrough, namedRow }, rows, ended)
  const taken = Math.max(rows.at(-1)?.taken ?? 0, ended.at(-1)?.taken ?? 0)
  return memoryOf({ memory: fresh, taken, forgottenThrough: taken, namedRow }, rows, ended)
}

function isGapless(run: RunRow, entries: readonly OutboxEntry[]): boolean {
  if (entries.length !== run.next - 1 - run.acked) return false
  return entries.every((entry, at) => entry.n === run.acked + 1 + at) && new Set(entries.map((entry) => entry.id)).size === entries.length
}

function outboxOf(
  { client, sender, ledger, since, next, acked, ackedId, sentThrough }: RunRow,
  entries: readonly OutboxEntry[],
): OutboxState {
  return { client, sender, ledger, since, next, acked, ackedId, sentThrough, entries }
}

/**
 * A restarted outbox of the entries that have no fate. Without the old client id nobody can be asked, and they are
 * announced as possible repeats.
 */
function salvage(run: RunRow | null, entries: readonly OutboxEntry[], { memory, outbox }: StoredOutbox, newClient: Id): OutboxState {
  const ids = entries.map(({ id }) => id)
  const seen = new Set<Id>(rememberedFates(memory, ids).keys())
  const left = entries.toSorted((a, b) => a.n - b.n).filter(({ id }) => !seen.has(id) && seen.add(id))
  if (run) return restartOutbox(outboxOf(run, left), newClient, 'all')
  const marked = left.filter((entry) => !entry.skip).map((entry, at): OutboxEntry => ({ ...entry, n: at + 1, mayRepeat: true }))
  return { ...emptyOutbox(newClient, outbox.sender), next: marked.length + 1, entries: marked }
}
