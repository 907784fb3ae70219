import { describe, expect, it } from 'vitest'
import type { Fate } from '../core/ports.ts'
import {
  applyRecording,
  emptyMemory,
  FATES_KEPT_MS,
  MAX_ENDED,
  MAX_FATE_UNITS,
  MAX_FATES,
  memoryOf,
  planRecording,
  reaches,
  rememberedFates,
  type FateMemory,
} from './fate-memory.ts'
import { idOf } from './store-contract.ts'

const applied = (name: string | number, replyJson = 'null'): Fate => ({ id: idOf(name), fate: 'applied', replyJson })

/** Takes the messages, and records their ends at a moment. */
function record(memory: FateMemory, atMs: number, ...fates: readonly Fate[]): void {
  memory.head = { ...memory.head, taken: memory.head.taken + fates.length }
  applyRecording(memory, planRecording(memory, fates, atMs))
}

/** Records so many ends together. */
function recordMany(memory: FateMemory, atMs: number, from: number, count: number): void {
  record(memory, atMs, ...Array.from({ length: count }, (_, more) => applied(from + more)))
}

const since = (memory: FateMemory, taken: number): { memory: string; taken: number } => ({ memory: memory.head.memory, taken })
const known = (memory: FateMemory, ...names: (string | number)[]): Fate[] => [...rememberedFates(memory, names.map(idOf)).values()]
const endedCount = (memory: FateMemory): number => memory.ended.reduce((sum, { ends }) => sum + ends.length, 0)

describe('[I30] a memory of fates', () => {
  it('[ST15] holds so many in full, and of the oldest then only their ends', () => {
    const memory = emptyMemory(idOf('memory'))
    for (let at = 0; at < MAX_FATES + 1_000; at += 1_000) recordMany(memory, at, at, 1_000)
    expect(memory.fates.size).toBeLessThan(MAX_FATES)
    expect(memory.fates.size + endedCount(memory)).toBe(MAX_FATES + 1_000)
    expect([memory.fates.has(idOf(0)), memory.fates.has(idOf(MAX_FATES + 999))]).toEqual([false, true])
    expect(known(memory, 0)).toEqual([applied(0)])
  })

  it('[ST15] holds so much text in full, of replies and of reasons', () => {
    const memory = emptyMemory(idOf('memory'))
    const reply = 'r'.repeat(MAX_FATE_UNITS / 4)
    for (const name of [1, 2, 3, 4]) record(memory, name, applied(name, reply))
    expect([memory.fates.size, memory.units]).toEqual([4, MAX_FATE_UNITS])
    record(memory, 5, { id: idOf(5), fate: 'rejected', reason: 'rejected', message: 'm' })
    expect([[...memory.fates.keys()], memory.units]).toEqual([[2, 3, 4, 5].map(idOf), (MAX_FATE_UNITS * 3) / 4 + 1])
    expect(known(memory, 1)).toEqual([{ id: idOf(1), fate: 'applied', replyLost: 'forgotten' }])
    record(memory, 6, { id: idOf(6), fate: 'rejected', reason: 'rejected', message: reply })
    record(memory, 7, applied(7, reply))
    expect([...memory.fates.keys()]).toEqual([4, 5, 6, 7].map(idOf))
  })

  it('[ST7] [ST17] keeps what was said for ten minutes, then that there was something, and the end for good', () => {
    const memory = emptyMemory(idOf('memory'))
    const fates: Fate[] = [
      applied('yes', '"yes"'),
      applied('null'),
      { id: idOf('silent'), fate: 'applied' },
      { id: idOf('rejected'), fate: 'rejected', reason: 'rejected', message: 'no' },
      { id: idOf('failed'), fate: 'rejected', reason: 'failed', message: 'no' },
      { id: idOf('forbidden'), fate: 'rejected', reason: 'forbidden', message: 'no' },
      { id: idOf('large'), fate: 'rejected', reason: 'too-large', message: 'no' },
      { id: idOf('twice'), fate: 'rejected', reason: 'may-repeat', message: 'no' },
      { id: idOf('late'), fate: 'expired' },
      { id: idOf('undone'), fate: 'cancelled' },
    ]
    record(memory, 0, ...fates)
    record(memory, FATES_KEPT_MS, applied('next', '1'))
    expect([
      ...rememberedFates(
        memory,
        fates.map(({ id }) => id),
      ).values(),
    ]).toEqual(fates)
    record(memory, 2 * FATES_KEPT_MS, applied('later', '2'))
    expect([...memory.fates.keys()]).toEqual([idOf('later')])
    const left = rememberedFates(memory, [...fates.map(({ id }) => id), idOf('next'), idOf('nobody')])
    expect(left.get(idOf('yes'))).toEqual({ id: idOf('yes'), fate: 'applied', replyLost: 'forgotten' })
    expect([left.get(idOf('null')), left.get(idOf('silent'))]).toEqual([fates[1], fates[2]])
    expect(fates.slice(3).map(({ id }) => left.get(id))).toEqual(
      fates
        .slice(3)
        .map((fate) => (fate.fate === 'rejected' ? { ...fate, message: expect.stringMatching(/no longer known/) as string } : fate)),
    )
    expect(left.size).toBe(fates.length + 1)
  })

  it('[ST17] forgets ends by their number alone, the oldest, and knows up to where', () => {
    const memory = emptyMemory(idOf('memory'))
    const step = 50_000
    const days = 86_400_000
    for (let at = 0; at <= MAX_ENDED; at += step) recordMany(memory, at * days, at, step)
    expect(endedCount(memory)).toBe(MAX_ENDED)
    expect([reaches(memory, since(memory, 0)), known(memory, 0)]).toEqual([true, [applied(0)]])
    recordMany(memory, 10 * step * days, MAX_ENDED + step, 10)
    expect(endedCount(memory)).toBeLessThanOrEqual(MAX_ENDED)
    expect(known(memory, 0)).toEqual([])
    const { forgottenThrough, taken } = memory.head
    expect([reaches(memory, since(memory, 0)), reaches(memory, since(memory, forgottenThrough - 1))]).toEqual([false, false])
    expect([reaches(memory, since(memory, forgottenThrough)), reaches(memory, since(memory, taken))]).toEqual([true, true])
    expect(known(memory, forgottenThrough)).toEqual([applied(forgottenThrough)])
  })

  it('[ST16] reaches only counts of its own that it can have told', () => {
    const memory = emptyMemory(idOf('memory'))
    record(memory, 0, applied('a'))
    expect([0, 1, 2].map((taken) => reaches(memory, since(memory, taken)))).toEqual([true, true, false])
    expect(reaches(memory, { memory: idOf('another'), taken: 0 })).toBe(false)
  })

  it('[ST18] [I35] loses replies at most when the clock jumps, and stays in the order of its recording', () => {
    const memory = emptyMemory(idOf('memory'))
    const day = 86_400_000
    for (const [at, atMs] of [50 * day, 0, -day, 90 * day, 91 * day, 1].entries()) record(memory, atMs, applied(at, '1'))
    expect(known(memory, 0, 1, 2, 3, 4, 5).map(({ fate }) => fate)).toEqual(Array.from({ length: 6 }, () => 'applied'))
    const rows = [...memory.ended, ...memory.rows].map(({ taken }) => taken)
    expect(rows).toEqual(rows.toSorted((a, b) => a - b))
    expect(memory.head.forgottenThrough).toBe(0)
  })

  it('[ST17] looks for what was taken after a count only where that can be', () => {
    const memory = emptyMemory(idOf('memory'))
    for (let at = 0; at < 3; at++) recordMany(memory, at * 2 * FATES_KEPT_MS, at * 5_000, 5_000)
    expect(memory.ended.map(({ row, taken, ends }) => [row, taken, ends.length])).toEqual([
      [1, 5_000, 4_096],
      [2, 10_000, 4_096],
      [3, 10_000, 1_808],
    ])
    expect(rememberedFates(memory, [idOf(1), idOf(6_000)], 5_000).size).toBe(1)
    expect(rememberedFates(memory, [idOf(1), idOf(6_000)], 4_999).size).toBe(2)
  })

  it('[ST13] is the same when it is read again', () => {
    const memory = emptyMemory(idOf('memory'))
    for (let at = 0; at < 4; at++) recordMany(memory, at * 2 * FATES_KEPT_MS, at * 5_000, 5_000)
    expect(memoryOf(memory.head, [...memory.rows], memory.ended)).toEqual(memory)
  })
})
