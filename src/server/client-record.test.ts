import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClientRecord } from './client-record.ts'
import { freshId } from './testing/fake-peer.ts'

describe('ClientRecord', () => {
  it('[P12] knows every number above confirmed and the last 32, whenever it was packed', () => {
    const step = fc.oneof(fc.constant('commit' as const), fc.constant('pack' as const), fc.integer({ min: 0, max: 300 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const record = new ClientRecord('ada')
        const ids: string[] = []
        let confirmed = 0
        for (const each of steps) {
          if (each === 'commit') {
            ids.push(freshId())
            record.commit(ids.at(-1) ?? '', ids.length % 3 === 0 ? { kind: 'applied', reply: `${ids.length}` } : undefined)
          } else if (each === 'pack') record.pack()
          else {
            record.confirm(each)
            confirmed = Math.max(confirmed, Math.min(each, ids.length))
          }
          expect([record.hi, record.unconfirmed]).toEqual([ids.length, ids.length - confirmed])
        }
        for (let n = Math.min(confirmed + 1, Math.max(1, ids.length - 31)); n <= ids.length; n++) {
          expect(record.idAt(n)).toBe(ids[n - 1])
          expect(record.fateAt(n)).toEqual(n % 3 === 0 ? { kind: 'applied', reply: `${n}` } : undefined)
        }
        expect(record.idAt(0)).toBeUndefined()
        expect(record.idAt(ids.length + 1)).toBeUndefined()
        expect(record.recall(ids.slice(-5)).map(({ id }) => id)).toEqual(ids.slice(-5))
      }),
      { numRuns: 100 },
    )
  })

  it('(order P10) [P12] [I7] knows what came after a confirmation of more than there was', () => {
    const record = new ClientRecord(null)
    record.commit(freshId(), undefined)
    record.confirm(1_000)
    const ids = Array.from({ length: 200 }, freshId)
    for (const id of ids) record.commit(id, undefined)
    expect([record.unconfirmed, record.recall(ids).length]).toEqual([200, 200])
  })

  it('(order P11) [P12] [I30] takes no confirmation back, and counts what it freed once', () => {
    const record = new ClientRecord(null)
    for (let n = 1; n <= 3; n++) record.commit(freshId(), { kind: 'applied', reply: '"four"' })
    for (const n of [3, 1, 0, 3]) {
      record.confirm(n)
      expect([n, record.unconfirmed, record.unconfirmedUnits]).toEqual([n, 0, 0])
    }
  })

  it('[I30] forgets what was confirmed, but for the last 32', () => {
    const record = new ClientRecord(null)
    const ids = Array.from({ length: 1_000 }, freshId)
    for (const id of ids) record.commit(id, { kind: 'skipped' })
    expect(record.recall(ids)).toHaveLength(1_000)
    record.confirm(990)
    expect(record.recall(ids)).toHaveLength(32)
    expect(record.fateAt(968)).toBeUndefined()
  })
})
