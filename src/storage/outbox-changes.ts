import {
  appendMessages,
  applyRecalled,
  buriedCopy,
  buriedFate,
  buryNumbers,
  entryAt,
  idAt,
  parkedCopy,
  restartOutbox,
  settleThrough,
} from '../core/outbox.ts'
import type {
  BurialReason,
  Fate,
  NewMessage,
  OutboxEntry,
  OutboxLimits,
  OutboxState,
  ParkedMessage,
  StoredIdentity,
} from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import { fateOf, type OutboxChange, type StoredOutbox } from './stored-outbox.ts'

/*
 * What each call of the `Store` port changes, without doing it: the rules of the core, plus fates and parked messages. Every change can be planned again
 * after it took effect and then changes nothing more; the store relies on that when it repeats a call whose outcome a lost connection hid.
 */

/** Plan of `append`. Throws `outbox-full` when the messages do not fit together with what is queued and parked. */
export function planAppend(
  stored: StoredOutbox,
  messages: readonly NewMessage[],
  sent: boolean,
  limits: OutboxLimits,
  nowMs: number,
): OutboxChange<{ client: Id; entries: (OutboxEntry | null)[] }> {
  const fresh = new Map<Id, NewMessage>()
  for (const message of messages) {
    if (!fresh.has(message.id) && !stored.numbers.has(message.id) && !fateOf(stored, message.id, nowMs)) fresh.set(message.id, message)
  }
  const { outbox: before } = stored
  refuseOverLimits(stored, [...fresh.values()], limits)
  const { outbox, added } = fresh.size > 0 ? appendMessages(before, [...fresh.values()], sent) : { outbox: before, added: [] }
  const addedById = new Map(added.map((entry) => [entry.id, entry]))
  const entries = messages.map(({ id }) => {
    if (fateOf(stored, id, nowMs)) return null
    return addedById.get(id) ?? entryAt(before, stored.numbers.get(id) ?? 0) ?? null
  })
  return { outbox, result: { client: outbox.client, entries } }
}

function refuseOverLimits(stored: StoredOutbox, messages: readonly NewMessage[], { maxMessages, maxBytes }: OutboxLimits): void {
  if (messages.length === 0) return
  const count = stored.outbox.entries.length + stored.parked.size + messages.length
  if (count > maxMessages) throw new HoldfastError('outbox-full', `The outbox holds at most ${maxMessages} messages.`)
  const units = messages.reduce((sum, message) => sum + message.json.length, stored.units)
  if (units > maxBytes) throw new HoldfastError('outbox-full', `The outbox holds at most ${maxBytes} bytes.`)
}

/** Plan of `saveIdentity`. */
export function planIdentity({ outbox }: StoredOutbox, { session, ledger }: StoredIdentity): OutboxChange<void> {
  return { session, outbox: { ...outbox, ledger }, result: undefined }
}

/** Plan of `raiseSentThrough`. A number that was never given out cannot have been sent. */
export function planRaise({ outbox }: StoredOutbox, n: number): OutboxChange<void> {
  return { outbox: { ...outbox, sentThrough: Math.max(outbox.sentThrough, Math.min(n, outbox.next - 1)) }, result: undefined }
}

/** Those fates that are news: what was recorded once stands. */
function newFates(stored: StoredOutbox, fates: readonly Fate[], nowMs: number): Fate[] {
  return fates.filter((fate) => !fateOf(stored, fate.id, nowMs))
}

/** Plan of `bury`. */
export function planBury(stored: StoredOutbox, numbers: readonly number[], why: BurialReason, nowMs: number): OutboxChange<void> {
  const entries = [...new Set(numbers)].flatMap((n) => entryAt(stored.outbox, n) ?? []).filter((entry) => !entry.skip)
  const rewritten = entries.map((entry) => entry.n)
  return {
    outbox: buryNumbers(stored.outbox, rewritten, why),
    rewritten,
    fates: newFates(
      stored,
      entries.map((entry) => buriedFate(entry, why)),
      nowMs,
    ),
    parked: entries.flatMap((entry) => buriedCopy(entry, why) ?? []),
    result: undefined,
  }
}

/** Plan of `settle`. Throws `storage-failed` when another message stands at `through`: nothing may be deleted on the strength of such an ack. */
export function planSettle(stored: StoredOutbox, through: number, id: Id, fates: readonly Fate[], nowMs: number): OutboxChange<void> {
  const { outbox } = stored
  if (through > outbox.acked && idAt(outbox, through) !== id)
    throw new HoldfastError('storage-failed', 'The ack is for another message than the stored one.')
  const parked: ParkedMessage[] = []
  const learnt = newFates(stored, fates, nowMs)
  for (const fate of learnt) {
    const entry = entryAt(outbox, stored.numbers.get(fate.id) ?? 0)
    if (fate.fate === 'rejected' && entry && !entry.skip) parked.push(parkedCopy(entry, 'rejected', fate.message))
  }
  return { outbox: settleThrough(outbox, through, id), fates: learnt, parked, result: undefined }
}

/** Plan of `recalled`. */
export function planRecalled(
  stored: StoredOutbox,
  client: Id,
  asked: readonly Id[],
  fates: readonly Fate[],
  hold: boolean,
  nowMs: number,
): OutboxChange<OutboxState> {
  const before = stored.outbox
  const { outbox, parked } = applyRecalled(before, client, asked, fates, hold)
  const rewritten = outbox.entries.filter((entry) => entryAt(before, entry.n) !== entry)
  const told = new Map(fates.map((fate) => [fate.id, fate]))
  const learnt = rewritten
    .filter((entry) => entry.skip)
    .map(
      ({ id }): Fate =>
        told.get(id) ?? { id, fate: 'rejected', reason: 'may-repeat', message: 'The message may have been applied already.' },
    )
  return { outbox, rewritten: rewritten.map((entry) => entry.n), fates: newFates(stored, learnt, nowMs), parked, result: outbox }
}

/** Plan of `restart`. */
export function planRestart({ outbox }: StoredOutbox, newClient: Id, ask: 'possibly-sent' | 'all'): OutboxChange<OutboxState> {
  const after = outbox.client === newClient ? outbox : restartOutbox(outbox, newClient, ask)
  return { outbox: after, result: after }
}
