import { describe, expect, it } from 'vitest'
import type { PageLog } from '../desk.ts'
import type { JournalRow } from '../journal.ts'
import type { PageEvent } from '../page/page-event.ts'
import type { RunRecord, StorageLoss, Violation } from '../record.ts'
import { checkDownward } from './downward.ts'
import { checkLedger } from './ledger.ts'
import { checkTelling } from './telling.ts'
import { checkUpward } from './upward.ts'
import { checkVolatile } from './volatile.ts'

type Told = PageEvent extends infer Event ? (Event extends PageEvent ? Omit<Event, 'atMs'> : never) : never
type Committed = Extract<JournalRow, { type: 'committed' }>

/** A page that was told these things, one per ms from 1,000 on. */
function page(...told: readonly Told[]): PageLog {
  const events = told.map((event, at) => ({ ...event, atMs: 1_000 + at }))
  return { page: 'a1.x', tab: 'a1', user: 'anna', events, facts: { status: 'connected', pending: 0, open: 0 }, heardAtMs: 0 }
}
const queued = (...numbers: readonly number[]): Told[] =>
  numbers.flatMap((seq): Told[] => [
    { type: 'sent', seq, id: `id${seq}` },
    { type: 'queued', seq },
  ])
const started = (server: number, atMs: number): JournalRow => ({ type: 'started', server, atMs })
/** The nth number of the client is this message. */
function effect(n: number, seq: number, facts: Partial<Committed> = {}): JournalRow {
  const about = { server: 1, client: 'c', user: 'anna', n, id: `id${seq}`, key: `a1.x:${seq}`, mayRepeat: false, publishes: 1 }
  return { type: 'committed', atMs: 2_000 + n, ...about, fate: 'applied', published: [{ channel: 'board', name: `m${n}` }], ...facts }
}
function kinds(
  pages: PageLog[],
  journal: JournalRow[],
  losses: StorageLoss[] = [],
  check: (record: RunRecord) => { readonly violations: readonly Violation[] } = checkUpward,
): string[] {
  const record: RunRecord = { pages, journal: [started(1, 0), ...journal], faults: [], losses, wellMs: [1_900] }
  return check(record).violations.map(({ kind }) => kind)
}

describe('chaos, upward', () => {
  it('[I6] [I7] [I8] every queued message once and in order is fine', () => {
    expect(kinds([page(...queued(1, 2))], [effect(1, 1), effect(2, 2)])).toEqual([])
  })

  it('[I6] a queued message without an effect is lost, and so is one that was told as applied', () => {
    expect(kinds([page(...queued(1, 2))], [effect(1, 1)])).toEqual(['lost'])
    expect(kinds([page({ type: 'sent', seq: 1, id: 'id1' }, { type: 'applied', seq: 1 })], [])).toEqual(['lost'])
  })

  it('[I6] a message of a page that died before it was queued is not', () => {
    expect(kinds([page({ type: 'sent', seq: 1, id: 'id1' })], [])).toEqual([])
  })

  it('[I6] a message of which nobody can tell is lost, unless it was told in that round that the storage failed', () => {
    const doubtful: Told = { type: 'ended', seq: 1, code: 'may-repeat' }
    const failure: Told = { type: 'error', code: 'storage-failed', message: '' }
    expect(kinds([page(...queued(1), doubtful)], [])).toEqual(['lost'])
    expect(kinds([page(...queued(1), failure, doubtful)], [])).toEqual([])
    const later = page(failure)
    expect(kinds([page(...queued(1)), { ...later, events: later.events.map((event) => ({ ...event, atMs: 2_000 })) }], [])).toEqual([
      'lost',
    ])
  })

  it('[I6] only a storage that went back or was emptied excuses a loss that nobody told, of that user and of that time', () => {
    const pages = [page(...queued(1))]
    expect(kinds(pages, [], [{ type: 'rolled back', user: 'anna', asOfMs: 900, untilMs: 1_500 }])).toEqual([])
    expect(kinds(pages, [], [{ type: 'rolled back', user: 'ben', asOfMs: 900, untilMs: 1_500 }])).toEqual(['lost'])
    expect(kinds(pages, [], [{ type: 'rolled back', user: 'anna', asOfMs: 5_000, untilMs: 6_000 }])).toEqual(['lost'])
    expect(kinds(pages, [], [{ type: 'cleared', user: 'anna', atMs: 1_500, hubLived: false }])).toEqual([])
    expect(kinds(pages, [], [{ type: 'cleared', user: 'anna', atMs: 2_500, hubLived: false }])).toEqual(['lost'])
    expect(kinds(pages, [], [{ type: 'copied', user: 'anna', atMs: 1_500 }])).toEqual(['lost'])
  })

  it('[I6] a storage that was emptied under a hub that lives excuses only what was told of', () => {
    const loss: StorageLoss = { type: 'cleared', user: 'anna', atMs: 1_500, hubLived: true }
    const lost = (mayRepeat: readonly string[]): Told => ({ type: 'storageLost', requeued: 0, mayRepeat, older: 0 })
    expect(kinds([page(...queued(1))], [], [loss])).toEqual(['lost'])
    expect(kinds([page(...queued(1), lost(['id2']))], [], [loss])).toEqual(['lost'])
    expect(kinds([page(...queued(1), lost(['id1']))], [], [loss])).toEqual([])
    expect(kinds([page(...queued(1), { type: 'ended', seq: 1, code: 'may-repeat' })], [], [loss])).toEqual([])
  })

  it('[I6] a sign-out excuses what was queued before it in that round, of pages that were told so or did not live to be told', () => {
    const left: StorageLoss = { type: 'signed out', user: 'anna', atMs: 1_500 }
    const told = page(...queued(1), { type: 'ended', seq: 1, code: 'closed' })
    expect(kinds([told], [], [left])).toEqual([])
    expect(kinds([page(...queued(1))], [], [left])).toEqual([])
    expect(kinds([{ ...page(...queued(1)), heardAtMs: 2_000 }], [], [left])).toEqual(['lost'])
    expect(kinds([told], [], [{ ...left, user: 'ben' }])).toEqual(['lost'])
    expect(kinds([told], [], [{ ...left, atMs: 2_500 }])).toEqual(['lost'])
    expect(kinds([told], [])).toEqual(['lost'])
  })

  it('[I7] a second effect is doubled unless it was marked, or several profiles held the message', () => {
    const pages = [page(...queued(1))]
    const again = { server: 2, atMs: 3_000 }
    expect(kinds(pages, [effect(1, 1), started(2, 2_500), effect(1, 1, again)])).toEqual(['doubled'])
    expect(kinds(pages, [effect(1, 1), started(2, 2_500), effect(1, 1, { ...again, mayRepeat: true })])).toEqual([])
    expect(kinds(pages, [effect(1, 1), started(2, 2_500), effect(1, 1, again)], [{ type: 'copied', user: 'anna', atMs: 1_500 }])).toEqual(
      [],
    )
  })

  it('[I7] a second effect of a message whose page died before it could tell of it is doubled', () => {
    const again = { server: 2, atMs: 3_000 }
    expect(kinds([], [effect(1, 1), started(2, 2_500), effect(1, 1, again)])).toEqual(['doubled'])
    expect(kinds([], [effect(1, 1), started(2, 2_500), effect(1, 1, { ...again, mayRepeat: true })])).toEqual([])
  })

  it('[I7] a mark without anything forgotten is unfounded', () => {
    const marked = effect(1, 1, { mayRepeat: true })
    expect(kinds([page(...queued(1))], [marked])).toEqual(['unfounded'])
    // A service worker may not know yet of a server of that round.
    expect(kinds([page(...queued(1))], [started(2, 500), effect(1, 1, { server: 2, mayRepeat: true })])).toEqual([])
    expect(kinds([page(...queued(1))], [marked, started(2, 2_500)])).toEqual(['unfounded'])
    expect(kinds([page(...queued(1))], [{ type: 'gave up', server: 1, atMs: 1_950, published: [] }, marked])).toEqual([])
  })

  it('[I8] [I9] effects in another order, and numbers with a gap, are found', () => {
    expect(kinds([page(...queued(1, 2))], [effect(1, 2), effect(2, 1)])).toEqual(['out of order'])
    expect(kinds([page(...queued(1, 2))], [effect(1, 1), effect(3, 2)])).toEqual(['out of order'])
  })

  it('[I8] a message of which the page was told that nobody can tell may take effect late', () => {
    const late = [effect(1, 2), effect(2, 1)]
    expect(kinds([page(...queued(1), { type: 'ended', seq: 1, code: 'may-repeat' }, ...queued(2))], late)).toEqual([])
    expect(kinds([page(...queued(1), { type: 'ended', seq: 1, code: 'rejected' }, ...queued(2))], late)).toEqual(['out of order'])
  })

  it('[I5] [I7] a message that was refused and yet applied, or applied as somebody else, is found', () => {
    expect(kinds([page({ type: 'sent', seq: 1, id: 'id1' }, { type: 'failed', seq: 1, code: 'storage-full' })], [effect(1, 1)])).toEqual([
      'broken',
    ])
    expect(kinds([page(...queued(1))], [effect(1, 1, { user: 'ben' })])).toEqual(['broken'])
  })

  it('[I39] a message is not refused or called too old because some clock is wrong', () => {
    const refused = (code: string): PageLog => page({ type: 'sent', seq: 1, id: 'id1' }, { type: 'failed', seq: 1, code })
    expect(kinds([refused('storage-full')], [])).toEqual([])
    expect(kinds([refused('protocol')], [])).toEqual(['untrue'])
    expect(kinds([page(...queued(1), { type: 'ended', seq: 1, code: 'expired' })], [effect(1, 1)])).toEqual(['untrue'])
  })

  it('[I5] a message that was refused because nobody can tell whether a hub that died has stored it may take effect, late and once', () => {
    const told = page({ type: 'sent', seq: 1, id: 'id1' }, { type: 'failed', seq: 1, code: 'may-repeat' }, ...queued(2))
    expect(kinds([told], [effect(1, 2)])).toEqual([])
    expect(kinds([told], [effect(1, 2), effect(2, 1)])).toEqual([])
    expect(kinds([told], [effect(1, 2), effect(2, 1), effect(3, 1)])).toEqual(['doubled'])
  })
})

describe('chaos, downward', () => {
  const rows = [1, 2, 3, 4].map((n) => effect(n, n))
  const value = (held: number): Told => ({ type: 'snapshot', channel: 'board', rows: held, stale: false })
  const messages = (...names: readonly string[]): Told => ({ type: 'messages', channel: 'board', names })
  const reset = (reason: string): Told => ({ type: 'reset', channel: 'board', reason })
  const down = (told: readonly Told[], more: JournalRow[] = []): string[] => kinds([page(...told)], [...more, ...rows], [], checkDownward)

  it('[I15] [I16] a value and everything after it once is fine, with messages that the value holds already', () => {
    expect(down([value(1), messages('m2', 'm3'), messages('m4')])).toEqual([])
    expect(down([value(3), messages('m2', 'm3', 'm4')])).toEqual([])
  })

  it('[I15] a gap is found, at the beginning and later', () => {
    expect(down([value(1), messages('m3')])).toEqual(['lost'])
    expect(down([value(0), messages('m1', 'm2', 'm4')])).toEqual(['lost'])
  })

  it('[I16] a repeat and another order are found', () => {
    expect(down([value(0), messages('m1', 'm2', 'm2')])).toEqual(['doubled'])
    expect(down([value(0), messages('m1', 'm3', 'm2')])).toEqual(['lost', 'doubled'])
  })

  it('[I15] a value without a reset, and messages without a value, are found', () => {
    expect(down([value(1), value(3)])).toEqual(['out of order'])
    expect(down([messages('m1')])).toEqual(['out of order'])
  })

  it('[I17] a reset is taken as told only when something was forgotten or trimmed', () => {
    expect(down([value(1), reset('epoch'), value(3)], [started(2, 500)])).toEqual([])
    expect(down([value(1), reset('epoch'), value(3)])).toEqual(['unfounded'])
    expect(down([value(1), reset('trimmed'), value(3)])).toEqual(['unfounded'])
  })

  it('[I26] a message that was not published where it was heard is found', () => {
    expect(down([value(0), messages('stranger')])).toEqual(['broken'])
  })
})

describe('chaos, telling', () => {
  const untold = (pages: PageLog[], journal: JournalRow[], losses: StorageLoss[] = []): string[] =>
    kinds(pages, journal, losses, checkTelling)
  const restart = (mayRepeat: readonly string[], mayBeLost: readonly string[] = [], older = 0): Told => ({
    type: 'restart',
    reason: 'ledger',
    mayRepeat,
    mayBeLost,
    older,
  })
  /** A tab that was opened late. */
  const later = (...told: readonly Told[]): PageLog => {
    const log = page(...told)
    return { ...log, page: 'a2.y', events: log.events.map((event) => ({ ...event, atMs: event.atMs + 3_000 })) }
  }
  const twice = [effect(1, 1), started(2, 2_500), effect(1, 1, { server: 2, atMs: 3_000, mayRepeat: true })]

  it('[I38] an effect that came twice was told to some listener of the user, or its sender', () => {
    expect(untold([page(...queued(1))], twice)).toEqual(['untold'])
    expect(untold([page(...queued(1)), later(restart(['id1']))], twice)).toEqual([])
    expect(untold([page(...queued(1)), later({ type: 'storageLost', requeued: 0, mayRepeat: ['id1'], older: 0 })], twice)).toEqual([])
    expect(untold([page(...queued(1), { type: 'ended', seq: 1, code: 'may-repeat' })], twice)).toEqual([])
    expect(untold([page(...queued(1)), { ...later(restart(['id1'])), user: 'ben' }], twice)).toEqual(['untold'])
    expect(untold([], twice)).toEqual(['untold'])
  })

  it('[I38] what a server had confirmed and then forgot is told as what may be lost', () => {
    const pages = [page(...queued(1), { type: 'applied', seq: 1 })]
    const lost = [effect(1, 1), started(2, 2_500)]
    expect(untold(pages, [effect(1, 1)])).toEqual([])
    expect(untold(pages, lost)).toEqual(['untold'])
    expect(untold([...pages, later(restart([], ['id1']))], lost)).toEqual([])
    expect(untold([...pages, later(restart([], ['id2']))], lost)).toEqual(['untold'])
    expect(untold([...pages, later(restart([], ['id2'], 1))], lost)).toEqual([])
    expect(untold([page(...queued(1))], lost)).toEqual([])
  })

  it('[I38] nobody can tell what went with its storage in that round', () => {
    expect(untold([page(...queued(1))], twice, [{ type: 'cleared', user: 'anna', atMs: 3_500, hubLived: true }])).toEqual([])
    expect(untold([page(...queued(1))], twice, [{ type: 'signed out', user: 'ben', atMs: 3_500 }])).toEqual(['untold'])
  })
})

describe('chaos, the ledger', () => {
  const half = (row: JournalRow): string[] => checkLedger({ journal: [row] }).map(({ kind }) => kind)

  it('[I7] [I10] a number commits with all that its handler published, or with nothing', () => {
    expect(half(effect(1, 1))).toEqual([])
    expect(half(effect(1, 1, { publishes: 2 }))).toEqual(['half done'])
    expect(half(effect(1, 1, { fate: 'rejected', published: [] }))).toEqual([])
    expect(half(effect(1, 1, { fate: 'rejected' }))).toEqual(['half done'])
    expect(half({ type: 'half', atMs: 1, server: 1, client: 'c', n: 1, published: [] })).toEqual(['half done'])
  })
})

describe('chaos, messages with durable: false', () => {
  const sent: Told = { type: 'sent', seq: 1, id: 'id1', volatile: true }
  const came: JournalRow = { type: 'volatile', atMs: 2_000, server: 1, id: 'id1', key: 'a1.x:1', published: [] }
  const found = (told: readonly Told[], journal: JournalRow[]): string[] => kinds([page(...told)], journal, [], checkVolatile)

  it('[I39] what was told as not sent was not applied', () => {
    expect(found([sent, { type: 'failed', seq: 1, code: 'not-connected' }], [])).toEqual([])
    expect(found([sent, { type: 'failed', seq: 1, code: 'not-connected' }], [came])).toEqual(['untrue'])
    expect(found([sent, { type: 'queued', seq: 1 }], [came])).toEqual([])
  })

  it('[I7] none is applied twice', () => {
    expect(found([sent], [came, came])).toEqual(['doubled'])
  })
})
