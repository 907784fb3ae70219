import { addNotices, noteAnswer, noteRestart, readyNotices, serverWentBack } from '../core/notices.ts'
import {
  appendMessages,
  applyRecalled,
  buriedCopy,
  buriedFate,
  buryNumbers,
  entryAt,
  hasQuestions,
  idAt,
  mayRepeatFate,
  rejectedCopy,
  restartOutbox,
  settleThrough,
  storeWentBack,
} from '../core/outbox.ts'
import type { Fate, NewMessage, OutboxLimits, OutboxState, Store } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import { allNamed, planRecording, reaches, rememberedFates, unnamedApplied } from './fate-memory.ts'
import type { OutboxChange, StoredOutbox } from './stored-outbox.ts'

/** When a change is planned: by the store's time, by which things age, and as apps know it. */
export interface PlanTime {
  readonly nowMs: number
  readonly wallMs: number
}

/** How a store carries out a change that is planned now: all of it, or an error and none of it. */
export type Commit = <T>(plan: (stored: StoredOutbox, at: PlanTime) => OutboxChange<T>) => Promise<T>

/** The methods of the `Store` port that all stores share. */
export type OutboxMethods = Omit<
  Store,
  'durable' | 'open' | 'timeMs' | 'taken' | 'reaches' | 'saveCache' | 'dropCache' | 'signOut' | 'onLost' | 'onFenced' | 'close'
>

/**
 * Builds the outbox half of the `Store` port on top of one store's way to commit. Each method plans what it changes,
 * without doing it: the rules of the core, plus fates and parked messages. Every change can be planned again after it
 * took effect and then changes nothing more; a store relies on that when it repeats a call whose outcome a lost
 * connection hid.
 */
export function outboxMethods(commit: Commit, limits: OutboxLimits): OutboxMethods {
  return {
    saveIdentity: ({ ledger, since, sentThrough, ...given }) =>
      commit(({ outbox }) => ({ ...given, outbox: { ...raised(outbox, sentThrough), ledger, since }, result: undefined })),

    /** Throws `outbox-full` when the messages do not fit together with what is queued and parked. */
    append: (messages, sent) =>
      commit((stored, { nowMs }) => {
        const { memory } = stored
        const isOver = endedAmong(stored, messages)
        const fresh = new Map<Id, NewMessage>()
        for (const message of messages) {
          const { id } = message
          if (!fresh.has(id) && !stored.numbers.has(id) && !isOver(message)) fresh.set(id, message)
        }
        refuseOverLimits(stored, [...fresh.values()], limits)
        const outbox = fresh.size > 0 ? appendMessages(stored.outbox, [...fresh.values()], sent, nowMs) : stored.outbox
        const added = new Map(outbox.entries.slice(stored.outbox.entries.length).map((entry) => [entry.id, entry]))
        const entries = messages.map(({ id }) => {
          const entry = added.get(id) ?? entryAt(outbox, stored.numbers.get(id) ?? 0)
          return entry && !entry.skip && !memory.fates.has(id) ? entry : null
        })
        const head = { ...memory.head, taken: memory.head.taken + fresh.size }
        return { outbox, result: { client: outbox.client, entries }, ...(fresh.size > 0 ? { head } : {}) }
      }),

    raiseSentThrough: (n) => commit(({ outbox }) => ({ outbox: raised(outbox, n), result: undefined })),

    bury: (numbers, why) =>
      commit((stored, { nowMs }) => {
        const entries = [...new Set(numbers)].flatMap((n) => entryAt(stored.outbox, n) ?? []).filter((entry) => !entry.skip)
        const rewritten = entries.map((entry) => entry.n)
        return {
          outbox: buryNumbers(stored.outbox, rewritten, why),
          rewritten,
          ...recorded(
            stored,
            entries.map((entry) => buriedFate(entry, why)),
            nowMs,
          ),
          parked: entries.flatMap((entry) => buriedCopy(entry, why) ?? []),
          result: undefined,
        }
      }),

    /**
     * Throws `storage-failed` when another message stands at `through`: nothing may be deleted on the strength of such
     * an ack.
     */
    settle: (through, id, fates) =>
      commit((stored, { nowMs }) => {
        const { outbox } = stored
        if (through > outbox.acked && idAt(outbox, through) !== id)
          throw new HoldfastError('storage-failed', 'The ack is for another message than the stored one.')
        const learnt = newFates(stored, fates)
        const parked = learnt.flatMap((fate) => rejectedCopy(fate, (held) => entryAt(outbox, stored.numbers.get(held) ?? 0)) ?? [])
        return { outbox: settleThrough(outbox, through, id), ...recorded(stored, learnt, nowMs), parked, result: undefined }
      }),

    recalled: (client, asked, fates, hold) =>
      commit((stored, { nowMs }) => {
        const { outbox, parked } = applyRecalled(stored.outbox, client, asked, fates, hold)
        const changed = outbox.entries.filter((entry) => entryAt(stored.outbox, entry.n) !== entry)
        const told = new Map(fates.map((fate) => [fate.id, fate]))
        const learnt = changed.filter((entry) => entry.skip).map(({ id }) => told.get(id) ?? mayRepeatFate(id))
        const ids = changed.map(({ id }) => id)
        const notices = noteAnswer(
          stored.notices,
          ids.filter((id) => !told.has(id)),
          ids.filter((id) => told.has(id)),
        )
        const rewritten = changed.map((entry) => entry.n)
        return { outbox, rewritten, ...recorded(stored, learnt, nowMs), parked, notices, result: notices }
      }),

    /** What the earlier client id was given to send with is worth nothing to the new one. */
    restart: (newClient, why) =>
      commit((stored, { nowMs, wallMs }) => {
        const { outbox: before, memory, notices } = stored
        if (before.client === newClient) return { result: { outbox: before, notices } }
        const outbox = restartOutbox(before, newClient, storeWentBack(why) ? 'all' : 'possibly-sent')
        const mayBeLost = serverWentBack(why) ? unnamedApplied(memory, nowMs) : []
        const restart = { id: newClient, atMs: wallMs, reason: why, mayRepeat: [], mayBeLost }
        const noted = noteRestart(notices, restart, hasQuestions(before))
        // Counts that were told by what has been forgotten mean nothing any more.
        const head = storeWentBack(why) ? { ...memory.head, memory: newClient } : serverWentBack(why) ? allNamed(memory) : memory.head
        return { sendOnly: null, outbox, notices: noted, head, result: { outbox, notices: noted } }
      }),

    note: (added, carried = []) =>
      commit((stored) => {
        const notices = addNotices(stored.notices, added)
        return { notices, parked: carried.filter(({ id }) => !stored.parked.has(id)), result: notices }
      }),

    heard: (ids) =>
      commit((stored) => {
        const ready = readyNotices(stored.notices, hasQuestions(stored.outbox))
        const notices = stored.notices.filter((notice) => !ids.includes(notice.id) || !ready.includes(notice))
        return { notices, result: notices }
      }),

    unpark: (id) => commit(() => ({ unparked: id, result: undefined })),
    fatesOf: (ids) =>
      commit(({ memory }) => {
        const found = rememberedFates(memory, ids)
        return { result: ids.flatMap((id) => found.get(id) ?? []) }
      }),
  }
}

/**
 * Which of the messages are not to be stored: they have ended, or were handed over before and may have, for all this
 * memory knows.
 */
function endedAmong({ numbers, memory }: StoredOutbox, messages: readonly NewMessage[]): (message: NewMessage) => boolean {
  const again = messages.filter(({ id, since }) => since && !numbers.has(id))
  const doubtful = again.filter(({ since }) => since && !reaches(memory, since))
  const countOf = ({ since }: NewMessage): number => (since?.memory === memory.head.memory ? since.taken : -1)
  const known = rememberedFates(
    memory,
    again.map(({ id }) => id),
    again.reduce((least, message) => Math.min(least, countOf(message)), Infinity),
  )
  const ended = new Set([...known.keys(), ...doubtful.map(({ id }) => id)])
  return ({ id }) => memory.fates.has(id) || ended.has(id)
}

/** A number that was never given out cannot have been sent. */
function raised(outbox: OutboxState, n: number): OutboxState {
  return { ...outbox, sentThrough: Math.max(outbox.sentThrough, Math.min(n, outbox.next - 1)) }
}

function refuseOverLimits(stored: StoredOutbox, messages: readonly NewMessage[], { maxMessages, maxBytes }: OutboxLimits): void {
  if (messages.length === 0) return
  const count = stored.outbox.entries.length + stored.parked.size + messages.length
  if (count > maxMessages) throw new HoldfastError('outbox-full', `The outbox holds at most ${maxMessages} messages.`)
  const units = messages.reduce((sum, message) => sum + message.json.length, stored.units)
  if (units > maxBytes) throw new HoldfastError('outbox-full', `The outbox holds at most ${maxBytes} bytes.`)
}

/** Those fates that are news: what was recorded once stands. */
function newFates({ memory }: StoredOutbox, fates: readonly Fate[]): Fate[] {
  return fates.filter(({ id }) => !memory.fates.has(id))
}

function recorded(stored: StoredOutbox, fates: readonly Fate[], nowMs: number): Pick<OutboxChange<unknown>, 'recording'> {
  const learnt = newFates(stored, fates)
  return learnt.length > 0 ? { recording: planRecording(stored.memory, learnt, nowMs) } : {}
}
