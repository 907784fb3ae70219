import type { Answer, Id } from '../protocol/messages.ts'
import type { Disagreement } from './notices.ts'
import type { BurialReason, Fate, NewMessage, OutboxEntry, OutboxState, ParkedMessage } from './ports.ts'

/**
 * The rules of the outbox as pure functions over {@link OutboxState}. The stores use them inside their transactions and
 * the session machine uses them on its copy, so that memory and disk cannot follow different rules. Knows nothing of
 * sockets or storage.
 */

/**
 * Earlier client ids that an entry is asked about. After more restarts without an answer the oldest are left out: what
 * nobody knows under the others is marked as a possible repeat in any case.
 */
const MAX_EARLIER_CLIENTS = 16

const TOO_LARGE = 'the message is larger than the server takes'

/** The outbox of a browser that has never sent anything. */
export function emptyOutbox(client: Id, sender: Id): OutboxState {
  return { client, sender, ledger: null, since: 0, next: 1, acked: 0, ackedId: '', sentThrough: 0, entries: [] }
}

/** The entry with number `n`, while it is held. */
export function entryAt(outbox: OutboxState, n: number): OutboxEntry | undefined {
  return outbox.entries[n - outbox.acked - 1]
}

/** The message id at `n`: an entry's, or the last acked one's. `undefined` when it is no longer (or not yet) known. */
export function idAt(outbox: OutboxState, n: number): Id | '' | undefined {
  return n === outbox.acked ? outbox.ackedId : entryAt(outbox, n)?.id
}

/** Numbers messages that are taken now. The caller has seen to it that none of their ids is held already. */
export function appendMessages(outbox: OutboxState, messages: readonly NewMessage[], sent: boolean, atMs: number): OutboxState {
  const added = messages.map(({ id, channel, json }, at): OutboxEntry => ({ n: outbox.next + at, id, channel, json, atMs }))
  return appendEntries(outbox, added, sent)
}

/** Takes in what a store has numbered. */
export function appendEntries(outbox: OutboxState, added: readonly OutboxEntry[], sent: boolean): OutboxState {
  const next = outbox.next + added.length
  return { ...outbox, next, sentThrough: sent ? next - 1 : outbox.sentThrough, entries: outbox.entries.concat(added) }
}

/**
 * The entries that follow on what is held, without those that are held already: a store names the latter again when a
 * message is offered twice.
 */
export function notHeld(outbox: OutboxState, entries: readonly OutboxEntry[]): OutboxEntry[] {
  let { next } = outbox
  return entries.filter(({ n }) => n === next && ++next > 0)
}

/** Removes what a stable ack covers. The caller has compared the id. */
export function settleThrough(outbox: OutboxState, through: number, id: Id): OutboxState {
  if (through <= outbox.acked) return outbox
  return { ...outbox, acked: through, ackedId: id, entries: outbox.entries.slice(through - outbox.acked) }
}

/** How the app is told of a message that nobody can say whether it was applied. */
export function mayRepeatFate(id: Id): Fate {
  return { id, fate: 'rejected', reason: 'may-repeat', message: 'the message may have been applied already' }
}

/** How the app is told of a message that this side ended. */
export function buriedFate({ id }: OutboxEntry, why: BurialReason): Fate {
  if (why === 'may-repeat') return mayRepeatFate(id)
  return why === 'too-large' ? { id, fate: 'rejected', reason: why, message: TOO_LARGE } : { id, fate: why }
}

/** What is kept of a message that this side ended; nothing of one that was cancelled. */
export function buriedCopy(entry: OutboxEntry, why: BurialReason): ParkedMessage | null {
  if (why === 'cancelled') return null
  if (why === 'expired') return parkedCopy(entry, 'expired', why)
  return parkedCopy(entry, 'rejected', why === 'too-large' ? TOO_LARGE : why)
}

/** What is kept of a message that the server rejected; nothing for any other fate, or when it was ended here before. */
export function rejectedCopy(fate: Fate, entryOf: (id: Id) => OutboxEntry | undefined): ParkedMessage | null {
  if (fate.fate !== 'rejected') return null
  const entry = entryOf(fate.id)
  return entry && !entry.skip ? parkedCopy(entry, 'rejected', fate.message) : null
}

/** Makes tombstones of the given numbers; those that are not held, or are tombstones already, stay as they are. */
export function buryNumbers(outbox: OutboxState, numbers: readonly number[], why: BurialReason): OutboxState {
  if (numbers.length === 0) return outbox
  const chosen = new Set(numbers)
  const skip = why === 'cancelled' || why === 'expired' ? why : 'settled'
  return {
    ...outbox,
    entries: outbox.entries.map((entry) => (chosen.has(entry.n) && !entry.skip ? tombstone(entry, skip) : entry)),
  }
}

/** What is left of an entry whose message has ended. */
export function tombstone({ n, id, channel, atMs }: OutboxEntry, why: NonNullable<OutboxEntry['skip']>): OutboxEntry {
  return { n, id, channel, json: '', atMs, skip: why }
}

/**
 * A new run of numbers for what is left, after the client's memory and the server's disagreed (PROTOCOL.md, P20).
 * Tombstones are left behind: under a new client id there is no number to keep.
 * @param ask which messages may have been applied under the old client id: those marked as sent, or `all` when this
 * store itself went back.
 */
export function restartOutbox(outbox: OutboxState, newClient: Id, ask: 'possibly-sent' | 'all'): OutboxState {
  const entries = outbox.entries
    .filter((entry) => !entry.skip)
    .map((entry, at): OutboxEntry => {
      const mayBeKnown = ask === 'all' || entry.n <= outbox.sentThrough
      return {
        ...entry,
        n: at + 1,
        ...(mayBeKnown ? { recall: [...(entry.recall ?? []), outbox.client].slice(-MAX_EARLIER_CLIENTS) } : {}),
      }
    })
  return { ...emptyOutbox(newClient, outbox.sender), next: entries.length + 1, entries }
}

/** Takes in the answer to a `recall`. */
export function applyRecalled(
  outbox: OutboxState,
  client: Id,
  asked: readonly Id[],
  fates: readonly Fate[],
  hold: boolean,
): { outbox: OutboxState; parked: ParkedMessage[] } {
  const questions = new Set(asked)
  const known = new Map(fates.map((fate) => [fate.id, fate]))
  const parked: ParkedMessage[] = []
  const entries = outbox.entries.map((entry): OutboxEntry => {
    if (!questions.has(entry.id) || !entry.recall?.includes(client)) return entry
    const fate = known.get(entry.id)
    if (fate) {
      if (fate.fate === 'rejected') parked.push(parkedCopy(entry, 'rejected', fate.message))
      return tombstone(entry, 'settled')
    }
    if (hold) {
      parked.push(parkedCopy(entry, 'rejected', 'may-repeat'))
      return tombstone(entry, 'settled')
    }
    const { recall, ...rest } = entry
    const left = recall.filter((earlier) => earlier !== client)
    return { ...rest, mayRepeat: true, ...(left.length > 0 ? { recall: left } : {}) }
  })
  return { outbox: { ...outbox, entries }, parked }
}

/** What is kept of a message that ended without effect, so that the app can discard it or try again. */
export function parkedCopy(entry: OutboxEntry, fate: ParkedMessage['fate'], reason: string): ParkedMessage {
  return { id: entry.id, channel: entry.channel, json: entry.json, atMs: entry.atMs, fate, reason }
}

/** Compares the server's memory of this client with this store's (PROTOCOL.md, P20). `null` when they agree. */
export function compareMemories(outbox: OutboxState, answer: Pick<Answer, 'ledger' | 'client' | 'reach'>): Disagreement | null {
  if (outbox.ledger !== null && outbox.ledger !== answer.ledger && everSent(outbox)) return 'ledger'
  if (answer.client === null) return wasForgotten(outbox, answer) ? 'forgotten' : null
  const { hi, id } = answer.client
  if (hi >= outbox.next) return 'store-went-back'
  if (hi < outbox.acked) return 'server-went-back'
  return idAt(outbox, hi) === id ? null : 'other-id'
}

/** Client records made before the first message was sent to this ledger, as the answer to `hello` leaves it. */
export function sinceOf(outbox: OutboxState, answer: Pick<Answer, 'ledger' | 'client' | 'reach'>): number {
  if (answer.client === null && !everSent(outbox)) return answer.reach.made
  return outbox.ledger === answer.ledger ? outbox.since : 0
}

function everSent({ acked, sentThrough }: OutboxState): boolean {
  return acked > 0 || sentThrough > 0
}

/**
 * Whether a client without a record may have had one. With nothing acknowledged there was none, as long as no record
 * was given up that was made since.
 */
function wasForgotten(outbox: OutboxState, { reach }: Pick<Answer, 'reach'>): boolean {
  if (!everSent(outbox)) return false
  return outbox.acked > 0 || outbox.ledger === null || reach.forgotten > outbox.since
}

/**
 * Whether a disagreement means that this store is the one that went back, so that every message may be known already.
 */
export function storeWentBack(why: Disagreement): boolean {
  return why === 'store-went-back' || why === 'other-id' || why === 'conflict' || why === 'cloned'
}

/** Whether the server must be asked about messages before anything is sent. */
export function hasQuestions({ entries }: OutboxState): boolean {
  return entries.some(({ recall }) => recall)
}

/** Entries that must be asked about before anything is sent, grouped by the client id to ask under: the first group. */
export function nextRecall(outbox: OutboxState, max: number): { client: Id; ids: Id[] } | null {
  const client = outbox.entries.find((entry) => entry.recall)?.recall?.[0]
  if (client === undefined) return null
  const ids = outbox.entries.filter((entry) => entry.recall?.includes(client)).map((entry) => entry.id)
  return { client, ids: ids.slice(0, max) }
}
