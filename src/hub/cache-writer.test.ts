import { describe, expect, it } from 'vitest'
import type { CacheChange, Store } from '../core/ports.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { place, published } from '../core/testing/frames.ts'
import { DEFAULT_HISTORY } from '../protocol/limits.ts'
import { createCacheWriter } from './cache-writer.ts'
import { ChannelCache } from './channel-cache.ts'

function writerOf(saveCache: (changes: readonly CacheChange[]) => Promise<void> = () => Promise.resolve()) {
  const clock = createFakeClock()
  const writes: (readonly CacheChange[])[] = []
  const failures: unknown[] = []
  const store = {
    saveCache(changes: readonly CacheChange[]) {
      writes.push(changes)
      return saveCache(changes)
    },
  } as Store
  return { clock, writes, failures, write: createCacheWriter(store, clock, (error) => void failures.push(error)) }
}

function moved(cache: ChannelCache, offset: number): ChannelCache {
  cache.append(published(offset, offset), place(offset), DEFAULT_HISTORY)
  return cache
}

/** Lets a call of the store answer. */
const stored = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve()
}

describe('the cache writer', () => {
  it('[HU18] [I30] makes one call at a time to a store that does not answer, and what it owes then stays as deep as the cache', async () => {
    let calls = 0
    const { clock, write } = writerOf(() => (calls++, new Promise(() => {})))
    const cache = new ChannelCache('one', null, place(0))
    for (let offset = 1; offset <= 1_000; offset++) {
      cache.append(published(offset, offset), place(offset), { messages: 10, bytes: 1_000 })
      write(cache)
      clock.advance(100)
      await stored()
    }
    expect(calls).toBe(1)
    const change = cache.takeChange()
    expect(change?.append.map(({ offset }) => offset)).toEqual(Array.from({ length: 10 }, (_, at) => 991 + at))
    expect(change?.keepFrom).toBe(991)
  })

  it('[HU11] writes the first change at once, and the changes of the next second in one transaction', async () => {
    const { clock, writes, write } = writerOf()
    const [one, two] = [new ChannelCache('one', null, place(0)), new ChannelCache('two', null, place(0))]
    write(moved(one, 1))
    clock.advance(0)
    expect(writes.splice(0)).toHaveLength(1)
    for (let offset = 2; offset <= 5; offset++) write(moved(one, offset))
    write(moved(two, 1))
    clock.advance(999)
    expect(writes).toEqual([])
    clock.advance(1)
    await stored()
    expect(writes).toHaveLength(1)
    expect(writes[0]?.map(({ channel, cursor, append }) => [channel, cursor.offset, append.length])).toEqual([
      ['one', 5, 4],
      ['two', 1, 1],
    ])
  })

  it('[HU11] writes what changed and nothing else', async () => {
    const { clock, writes, write } = writerOf()
    const cache = new ChannelCache('one', null, place(0))
    write(moved(cache, 1))
    clock.advance(1_000)
    await stored()
    clock.advance(5_000)
    await stored()
    expect(clock.running).toBe(0)
    write(cache)
    clock.advance(1_000)
    write(moved(cache, 2))
    clock.advance(1_000)
    await stored()
    expect(writes.map((changes) => changes.map(({ append }) => append.map(({ offset }) => offset)))).toEqual([[[1]], [[2]]])
  })

  it('[I5] tells a write that failed', async () => {
    const { clock, failures, write } = writerOf(() => Promise.reject(new Error('full')))
    write(moved(new ChannelCache('one', null, place(0)), 1))
    clock.advance(1_000)
    await Promise.resolve()
    await Promise.resolve()
    expect(failures).toEqual([new Error('full')])
  })

  it('[HU11] stores a channel whole after a write that failed, and tells one failure of many once', async () => {
    let isFull = true
    const { clock, writes, failures, write } = writerOf(() => (isFull ? Promise.reject(new Error('full')) : Promise.resolve()))
    const cache = new ChannelCache('one', null, place(0))
    for (const offset of [1, 2, 3]) {
      write(moved(cache, offset))
      clock.advance(1_000)
      await Promise.resolve()
      await Promise.resolve()
    }
    expect(failures).toHaveLength(1)
    isFull = false
    write(moved(cache, 4))
    clock.advance(1_000)
    const last = writes.at(-1)?.[0]
    expect([last?.clear, last?.append.map(({ offset }) => offset)]).toEqual([true, [1, 2, 3, 4]])
  })

  it('[HU11] stores the value again with what failed after it, and tells a failure that came after a success', async () => {
    const answers = [true, false, true, false]
    const { clock, writes, failures, write } = writerOf(() => (answers.shift() ? Promise.resolve() : Promise.reject(new Error('full'))))
    const cache = new ChannelCache('one', null, null)
    const snapshot = { cursor: place(0), json: '"v0"', atMs: 1 }
    cache.restart(place(0), snapshot)
    for (const offset of [1, 2, 3, 4]) {
      write(moved(cache, offset))
      clock.advance(1_000)
      await stored()
    }
    expect(writes.map(([change]) => change?.snapshot)).toEqual([snapshot, undefined, snapshot, undefined])
    expect(failures).toHaveLength(2)
  })
})
