import { deleteDB, openDB } from 'idb'
import { afterEach, describe, expect, it } from 'vitest'
import type { Store } from '../core/ports.ts'
import { createIndexedDbStore } from './indexeddb-store.ts'
import { SCHEMA_STEPS, type SchemaStep } from './schema.ts'
import { createTestClock, createTestRandom, idOf, newMessages, WIDE_LIMITS } from './store-contract.ts'

/** A version to come: parked messages move to a store with an index, and the cache, which the server has, is dropped. */
const nextStep: SchemaStep = async (database, tx) => {
  const next = database as unknown as IDBDatabaseLike
  const parked = await tx.objectStore('parked').getAll()
  next.deleteObjectStore('parked')
  const moved = next.createObjectStore('parked')
  moved.createIndex('channel', 'channel')
  for (const message of parked) moved.put(message, message.id)
  await tx.objectStore('messages').clear()
}

interface IDBDatabaseLike {
  deleteObjectStore(name: string): void
  createObjectStore(name: string): { createIndex(name: string, path: string): void; put(value: unknown, key: string): void }
}

const names: string[] = []

function newDatabase(): { name: string; store: (steps?: readonly SchemaStep[]) => Store } {
  const name = `holdfast:test-${crypto.randomUUID()}`
  names.push(name)
  const [clock, random] = [createTestClock(), createTestRandom()]
  return {
    name,
    store: (steps = SCHEMA_STEPS) =>
      createIndexedDbStore({ name, clock, random, limits: WIDE_LIMITS, durability: 'relaxed', openDeadlineMs: 2_000, steps }),
  }
}

/** A queue with a message that is settled, one that was rejected, and two that wait; and its session. */
async function fill(store: Store): Promise<void> {
  await store.open()
  await store.append(newMessages('done', 'no', 'a', 'b'), true)
  await store.settle(2, idOf('no'), [
    { id: idOf('done'), fate: 'applied', replyJson: '1' },
    { id: idOf('no'), fate: 'rejected', reason: 'rejected', message: 'no' },
  ])
}

afterEach(async () => {
  await Promise.all(names.splice(0).map((name) => deleteDB(name)))
})

describe('a stored schema that changes', () => {
  it('[DS8] [I36] [I6] is brought to the next version with session, numbers, outbox, fates and parked messages', async () => {
    const { name, store } = newDatabase()
    const old = store()
    await fill(old)
    old.close()
    const before = await readAgain(store())
    const next = store([...SCHEMA_STEPS, nextStep])
    const after = await next.open()
    expect(after.outbox).toEqual(before.outbox)
    expect(after.outbox.entries.map(({ n, id }) => [n, id])).toEqual([
      [3, idOf('a')],
      [4, idOf('b')],
    ])
    expect(after.session).toEqual(before.session)
    expect(after.parked).toEqual(before.parked)
    expect(after.parked.map(({ id }) => id)).toEqual([idOf('no')])
    expect(after.corrupt).toBe(false)
    expect((await next.append(newMessages('c', 'done'), true)).entries.map((entry) => entry?.n)).toEqual([5, undefined])
    next.close()
    const database = await openDB(name)
    expect([database.version, database.transaction('parked').store.indexNames.contains('channel')]).toEqual([2, true])
    database.close()
  })

  it('[DS8] [ST14] [I36] is left alone by the older build, which finds everything again when the newer one has gone back', async () => {
    const { store } = newDatabase()
    const next = store([...SCHEMA_STEPS, nextStep])
    await fill(next)
    next.close()
    await expect(store().open()).rejects.toMatchObject({ code: 'storage-newer' })
    const again = await readAgain(store([...SCHEMA_STEPS, nextStep]))
    expect(again.outbox.entries.map(({ id }) => id)).toEqual([idOf('a'), idOf('b')])
  })

  it('[DS8] [I36] [I6] stays as it was when a step fails half-way', async () => {
    const { name, store } = newDatabase()
    const old = store()
    await fill(old)
    old.close()
    const failing: SchemaStep = async (database, tx) => {
      await nextStep(database, tx)
      await tx.objectStore('outbox').clear()
      throw new Error('a mistake')
    }
    await expect(store([...SCHEMA_STEPS, failing]).open()).rejects.toMatchObject({ code: 'storage-failed' })
    const database = await openDB(name)
    expect(database.version).toBe(1)
    database.close()
    expect((await readAgain(store())).outbox.entries.map(({ id }) => id)).toEqual([idOf('a'), idOf('b')])
  })

  it('[DS8] [I36] takes every step that is missing, in order', async () => {
    const { name, store } = newDatabase()
    const taken: number[] = []
    const steps = [...SCHEMA_STEPS, () => void taken.push(2), () => void taken.push(3)]
    await readAgain(store(steps.slice(0, 2)))
    expect(taken).toEqual([2])
    await readAgain(store(steps))
    expect(taken).toEqual([2, 3])
    const database = await openDB(name)
    expect(database.version).toBe(3)
    database.close()
  })
})

async function readAgain(store: Store): Promise<Awaited<ReturnType<Store['open']>>> {
  const stored = await store.open()
  store.close()
  return stored
}
