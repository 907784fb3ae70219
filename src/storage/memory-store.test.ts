import { describe, expect, it } from 'vitest'
import { createMemoryStore, emptyMemoryContents } from './memory-store.ts'
import { createTestClock, createTestRandom, newMessages, registerStoreContract, WIDE_LIMITS, type StoreWorld } from './store-contract.ts'
import { registerStoreModel } from './store-model.ts'

function memoryWorld(): StoreWorld {
  const contents = emptyMemoryContents()
  const clock = createTestClock()
  const random = createTestRandom()
  return { clock, store: (limits = WIDE_LIMITS) => createMemoryStore({ clock, random, limits, contents }), dispose: async () => {} }
}

registerStoreContract('a memory store', memoryWorld)
registerStoreModel('a memory store', memoryWorld, 300)

describe('a memory store', () => {
  it('[I5] says that nothing outlives the worker', () => {
    expect(memoryWorld().store().durable).toBe(false)
  })

  it('[I23] goes back when a copy of its contents is put back', async () => {
    const contents = emptyMemoryContents()
    const options = { clock: createTestClock(), random: createTestRandom(), limits: WIDE_LIMITS }
    const store = createMemoryStore({ ...options, contents })
    const { outbox } = await store.open()
    await store.append(newMessages('a'), true)
    const backup = structuredClone(contents)
    await store.append(newMessages('b'), true)
    const restored = await createMemoryStore({ ...options, contents: backup }).open()
    expect(restored.outbox).toMatchObject({ client: outbox.client, next: 2, sentThrough: 1 })
  })
})
