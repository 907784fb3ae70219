import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serverWentBack, type Disagreement } from './notices.ts'
import {
  appendMessages,
  applyRecalled,
  buriedCopy,
  buriedFate,
  buryNumbers,
  compareMemories,
  emptyOutbox,
  entryAt,
  idAt,
  nextRecall,
  notHeld,
  restartOutbox,
  settleThrough,
  sinceOf,
  storeWentBack,
} from './outbox.ts'
import type { OutboxState } from './ports.ts'
import { CLIENT, SENDER, entry, id, LEDGER, message } from './testing/frames.ts'

const holding = (...names: readonly (string | number)[]): OutboxState =>
  appendMessages(
    emptyOutbox(CLIENT, SENDER),
    names.map((name) => message(name)),
    false,
    1_000_000,
  )

/** Numbers 1–5, 1–2 acknowledged, 1–4 possibly sent. */
const used: OutboxState = { ...settleThrough(holding(1, 2, 3, 4, 5), 2, id(2)), sentThrough: 4, ledger: LEDGER }

function expectGapless(outbox: OutboxState): void {
  expect(outbox.entries.map(({ n }) => n)).toEqual(outbox.entries.map((_, at) => outbox.acked + 1 + at))
  expect(outbox.next).toBe(outbox.acked + outbox.entries.length + 1)
  expect(outbox.sentThrough).toBeLessThan(outbox.next)
  for (const held of outbox.entries) expect([entryAt(outbox, held.n), idAt(outbox, held.n)]).toEqual([held, held.id])
}

describe('outbox', () => {
  it('[OB1] numbers follow on, and sent ones count as sent from the start', () => {
    const outbox = appendMessages(used, [message('a'), message('b')], true, 1_000_000)
    expect(outbox.entries.slice(-2).map(({ n }) => n)).toEqual([6, 7])
    expect(outbox).toMatchObject({ next: 8, sentThrough: 7 })
    expect(appendMessages(used, [message('a')], false, 1_000_000).sentThrough).toBe(4)
  })

  it('[OB1] a stable ack removes what it covers and keeps the id there', () => {
    expect(used.entries.map(({ n }) => n)).toEqual([3, 4, 5])
    expect([idAt(used, 2), idAt(used, 3), idAt(used, 1), idAt(used, 6)]).toEqual([id(2), id(3), undefined, undefined])
    expect(settleThrough(used, 1, id('x'))).toBe(used)
  })

  it('[OB1] [I3] append, settle, bury, recall and restart in any order keep the numbers gapless and lose no message', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 5 }), sent: fc.boolean() }),
      fc.record({ do: fc.constant('settle' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ do: fc.constant('bury' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ do: fc.constant('restart' as const), ask: fc.constantFrom('possibly-sent' as const, 'all' as const) }),
      fc.record({ do: fc.constant('recall' as const), known: fc.boolean(), hold: fc.boolean() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let outbox = emptyOutbox(CLIENT, SENDER)
        let made = 0
        const owed = new Set<string>()
        for (const [at, each] of steps.entries()) {
          const pick = 'share' in each ? outbox.acked + Math.floor(each.share * outbox.entries.length) : 0
          if (each.do === 'append') {
            const fresh = Array.from({ length: each.count }, () => message(++made))
            for (const { id: name } of fresh) owed.add(name)
            outbox = appendMessages(outbox, fresh, each.sent, 1_000_000)
          } else if (each.do === 'settle') {
            for (const { n, id: name } of outbox.entries) if (n <= pick) owed.delete(name)
            outbox = settleThrough(outbox, pick, idAt(outbox, pick) ?? '')
            outbox = { ...outbox, sentThrough: Math.max(outbox.sentThrough, outbox.acked) }
          } else if (each.do === 'bury') {
            const buried = entryAt(outbox, pick)
            if (buried) owed.delete(buried.id)
            outbox = buryNumbers(outbox, [pick], 'cancelled')
          } else if (each.do === 'restart') {
            outbox = restartOutbox(outbox, id(`c${at}`), each.ask)
          } else {
            const question = nextRecall(outbox, 2)
            if (!question) continue
            const fates = each.known ? question.ids.map((name) => ({ id: name, fate: 'applied' as const })) : []
            if (each.known || each.hold) for (const name of question.ids) owed.delete(name)
            outbox = applyRecalled(outbox, question.client, question.ids, fates, each.hold).outbox
          }
          expectGapless(outbox)
          expect(outbox.entries.filter(({ skip }) => !skip).map((held) => held.id)).toEqual([...owed])
        }
      }),
    )
  })

  it('[OB17] entries that are held already are not taken in twice, nor is one that stands twice in an answer', () => {
    expect(notHeld(used, [entry(5), entry(6), entry(6), entry(7)]).map(({ n }) => n)).toEqual([6, 7])
  })

  it('[OB9] a tombstone keeps number and id and nothing else', () => {
    const buried = buryNumbers({ ...used, entries: [{ ...entry(3), mayRepeat: true }, entry(4), entry(5)] }, [3, 9], 'expired')
    expect(buried.entries[0]).toEqual({ n: 3, id: id(3), channel: 'agents', json: '', atMs: 1_000_000, skip: 'expired' })
    expect(buried.entries.slice(1)).toEqual([entry(4), entry(5)])
    expect(buryNumbers(buried, [3], 'cancelled').entries[0]?.skip).toBe('expired')
  })

  it.each([
    ['the ones possibly sent', 'possibly-sent' as const, [[CLIENT], [CLIENT], undefined]],
    ['all, when the store went back', 'all' as const, [[CLIENT], [CLIENT], [CLIENT]]],
  ])('[OB6] [P20] a restart renumbers what is left and keeps the ids; to be asked about are %s', (_, ask, recall) => {
    const restarted = restartOutbox(used, id('next'), ask)
    expect(restarted).toMatchObject({ client: id('next'), sender: SENDER, ledger: null, next: 4, acked: 0, ackedId: '', sentThrough: 0 })
    expect(restarted.entries.map(({ n, id: name }) => [n, name])).toEqual([
      [1, id(3)],
      [2, id(4)],
      [3, id(5)],
    ])
    expect(restarted.entries.map((held) => held.recall)).toEqual(recall)
  })

  it('[OB6] a restart leaves tombstones behind', () => {
    const restarted = restartOutbox(buryNumbers(used, [4], 'cancelled'), id('next'), 'all')
    expect(restarted.entries.map(({ n, id: name }) => [n, name])).toEqual([
      [1, id(3)],
      [2, id(5)],
    ])
  })

  it('[OB6] after a second restart both earlier client ids are asked about, one at a time', () => {
    const once = restartOutbox(used, id('next'), 'possibly-sent')
    const twice = restartOutbox({ ...once, sentThrough: 1 }, id('third'), 'possibly-sent')
    expect(twice.entries.map(({ recall }) => recall)).toEqual([[CLIENT, id('next')], [CLIENT], undefined])
    expect(nextRecall(twice, 1)).toEqual({ client: CLIENT, ids: [id(3)] })
    const { outbox } = applyRecalled(twice, CLIENT, [id(3), id(4)], [], false)
    expect(nextRecall(outbox, 10)).toEqual({ client: id('next'), ids: [id(3)] })
    expect(outbox.entries.map(({ mayRepeat }) => mayRepeat)).toEqual([true, true, undefined])
  })

  it('[OB7] what the server knows ends with that fate, what it does not know may repeat or is held', () => {
    const restarted = restartOutbox(used, id('next'), 'possibly-sent')
    const fates = [{ id: id(3), fate: 'rejected', reason: 'failed', message: 'boom' } as const]
    const sent = applyRecalled(restarted, CLIENT, [id(3), id(4)], fates, false)
    expect(sent.outbox.entries).toMatchObject([{ skip: 'settled', json: '' }, { mayRepeat: true }, { n: 3 }])
    expect(sent.parked).toMatchObject([{ id: id(3), json: '3', fate: 'rejected', reason: 'boom' }])
    const held = applyRecalled(restarted, CLIENT, [id(3), id(4)], fates, true)
    expect(held.outbox.entries).toMatchObject([{ skip: 'settled' }, { skip: 'settled' }, { n: 3, json: '5' }])
    expect(held.parked.map(({ reason }) => reason)).toEqual(['boom', 'may-repeat'])
    expect(nextRecall(sent.outbox, 1) ?? nextRecall(held.outbox, 1)).toBeNull()
  })

  it('[OB7] an answer that comes twice, or about messages that were not asked about, changes nothing more', () => {
    const restarted = restartOutbox(used, id('next'), 'possibly-sent')
    const { outbox } = applyRecalled(restarted, CLIENT, [id(3), id(4)], [], false)
    expect(applyRecalled(outbox, CLIENT, [id(3), id(4)], [{ id: id(3), fate: 'applied' }], true)).toEqual({ outbox, parked: [] })
    expect(applyRecalled(outbox, id('other'), [id(5)], [{ id: id(5), fate: 'applied' }], true).outbox).toEqual(outbox)
  })

  const known = (hi: number, name: string | number = hi) => ({ hi, id: id(name) })
  const fresh = { ...holding(1, 2, 3), ledger: LEDGER, since: 5 }
  const reach = { made: 9, forgotten: 5 }
  type Said = { ledger?: string; client: { hi: number; id: string } | null; forgotten?: number }
  it.each<[string, OutboxState, Said, Disagreement | null]>([
    ['nothing known, nothing sent', emptyOutbox(CLIENT, SENDER), { client: null }, null],
    ['nothing known, something sent, and no record of that time was given up', { ...fresh, sentThrough: 2 }, { client: null }, null],
    [
      'nothing known, something sent, and a record of that time was',
      { ...fresh, sentThrough: 2 },
      { client: null, forgotten: 6 },
      'forgotten',
    ],
    ['nothing known, something sent to a ledger nobody knows', { ...fresh, ledger: null, sentThrough: 2 }, { client: null }, 'forgotten'],
    ['nothing known, nothing sent, though records were given up', fresh, { client: null, forgotten: 9 }, null],
    ['its own id at what was acknowledged', used, { client: known(2) }, null],
    ['its own id beyond that', used, { client: known(4) }, null],
    ['its own id at a number this store does not know it sent', used, { client: known(5) }, null],
    ['another ledger, nothing sent', fresh, { ledger: id('other'), client: null }, null],
    ['another ledger, something possibly sent', { ...fresh, sentThrough: 1 }, { ledger: id('other'), client: null }, 'ledger'],
    ['another ledger, something acknowledged', used, { ledger: id('other'), client: known(4) }, 'ledger'],
    ['the first ledger', emptyOutbox(CLIENT, SENDER), { ledger: id('other'), client: null }, null],
    ['nothing known, something acknowledged', used, { client: null }, 'forgotten'],
    ['its next number', used, { client: known(6) }, 'store-went-back'],
    ['more than its next number', used, { client: known(60) }, 'store-went-back'],
    ['less than its last ack', used, { client: known(1) }, 'server-went-back'],
    ['another id at its last ack', used, { client: known(2, 'x') }, 'other-id'],
    ['another id beyond its last ack', used, { client: known(4, 'x') }, 'other-id'],
    ['something known of an empty store', emptyOutbox(CLIENT, SENDER), { client: known(1) }, 'store-went-back'],
  ])('[OB5] [P20] [I11] [I12] [I23] memories: %s', (_, outbox, { ledger = LEDGER, client, forgotten = 5 }, expected) => {
    expect(compareMemories(outbox, { ledger, client, reach: { ...reach, forgotten } })).toBe(expected)
  })

  it.each<[string, OutboxState, Said, number]>([
    ['before anything was sent, at every answer', fresh, { client: null }, 9],
    ['to another ledger, before anything was sent', fresh, { ledger: id('other'), client: null }, 9],
    ['not once something was sent', { ...fresh, sentThrough: 1 }, { client: null }, 5],
    ['not once the server has a record', fresh, { client: known(1) }, 5],
    ['from the beginning, where another ledger has a record', fresh, { ledger: id('other'), client: known(1) }, 0],
  ])('[OB5] [P43] the records made before this one are counted %s', (_, outbox, { ledger = LEDGER, client }, expected) => {
    expect(sinceOf(outbox, { ledger, client, reach })).toBe(expected)
  })

  it('[OB15] [I39] what may have been applied ends as a possible repeat, for the app to try again', () => {
    const [kept] = used.entries
    expect(kept && [buriedFate(kept, 'may-repeat'), buriedCopy(kept, 'may-repeat')]).toMatchObject([
      { fate: 'rejected', reason: 'may-repeat' },
      { fate: 'rejected', reason: 'may-repeat', json: '3' },
    ])
    expect(buryNumbers(used, [3], 'may-repeat').entries[0]).toMatchObject({ n: 3, skip: 'settled', json: '' })
  })

  it('[OB5] all messages are asked about exactly when this store may be the one that went back, and listed as lost when the server is', () => {
    const reasons: Disagreement[] = ['ledger', 'forgotten', 'store-went-back', 'server-went-back', 'other-id', 'conflict', 'cloned']
    expect(reasons.filter(storeWentBack)).toEqual(['store-went-back', 'other-id', 'conflict', 'cloned'])
    expect(reasons.filter(serverWentBack)).toEqual(['ledger', 'server-went-back'])
  })
})
