import { describe, expect, it } from 'vitest'
import type { Fate } from '../core/ports.ts'
import { createMemoryStore, emptyMemoryContents } from './memory-store.ts'
import { createTestClock, createTestRandom, idOf, newMessages, WIDE_LIMITS } from './store-contract.ts'
import { applyChange, emptyStoredOutbox, MAX_FATE_UNITS, MAX_FATES } from './stored-outbox.ts'

const applied = (name: number, replyJson = 'null'): Fate => ({ id: idOf(name), fate: 'applied', replyJson })

describe('[I30] fates', () => {
  it('[ST15] are remembered up to a number, the newest', () => {
    const stored = emptyStoredOutbox(idOf('client'))
    for (let at = 0; at < MAX_FATES + 10; at += 10) {
      const fates = Array.from({ length: 10 }, (_, more) => applied(at + more, ''))
      applyChange(stored, { fates, result: undefined }, 1_000 + at)
    }
    expect([stored.fates.size, [...stored.fates.keys()][0], stored.fatesFromMs]).toEqual([MAX_FATES, idOf(10), 1_010])
    applyChange(stored, { fates: [applied(-1)], result: undefined }, 10_000_000)
    expect([stored.fates.size, stored.fateUnits]).toEqual([1, 4])
  })

  it('[ST15] are remembered up to an amount of text, and one that is recorded twice counts once', () => {
    const stored = emptyStoredOutbox(idOf('client'))
    const reply = 'r'.repeat(MAX_FATE_UNITS / 4)
    for (const name of [1, 2, 2, 3, 4]) applyChange(stored, { fates: [applied(name, reply)], result: undefined }, 1_000 + name)
    expect([stored.fates.size, stored.fateUnits]).toEqual([4, MAX_FATE_UNITS])
    applyChange(stored, { fates: [applied(5)], result: undefined }, 2_000)
    expect([...stored.fates.keys()]).toEqual([2, 3, 4, 5].map(idOf))
  })

  it('[ST15] are remembered up to an amount of text, that of reasons too', () => {
    const stored = emptyStoredOutbox(idOf('client'))
    const message = 'm'.repeat(MAX_FATE_UNITS / 2)
    for (const name of [1, 2, 3]) {
      const fates: Fate[] = [{ id: idOf(name), fate: 'rejected', reason: 'rejected', message }]
      applyChange(stored, { fates, result: undefined }, 1_000 + name)
    }
    expect([[...stored.fates.keys()], stored.fateUnits]).toEqual([[2, 3].map(idOf), MAX_FATE_UNITS])
  })

  it('[ST15] [ST7] that are gone are not known any more, as those whose time is over', async () => {
    const contents = emptyMemoryContents()
    const store = createMemoryStore({ clock: createTestClock(), random: createTestRandom(), limits: WIDE_LIMITS, contents })
    await store.open()
    const reply = 'r'.repeat(MAX_FATE_UNITS / 2)
    for (const n of [1, 2, 3]) {
      await store.append(newMessages(n), true)
      await store.settle(n, idOf(n), [applied(n, reply)])
    }
    expect((await store.fatesOf([1, 2, 3].map(idOf))).map(({ id }) => id)).toEqual([idOf(2), idOf(3)])
  })
})
