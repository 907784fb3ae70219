import { deleteDB, openDB, unwrap } from 'idb'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Store, StoredState } from '../core/ports.ts'
import { createIndexedDbStore } from './indexeddb-store.ts'
import {
  createTestClock,
  createTestRandom,
  idOf,
  newMessages,
  registerStoreContract,
  WIDE_LIMITS,
  type StoreWorld,
} from './store-contract.ts'
import { registerStoreModel } from './store-model.ts'
import { MAX_FATE_UNITS } from './fate-memory.ts'

/** Chromium's way to a small quota; not in the types of TypeScript yet. */
interface StorageBuckets {
  open(name: string, options: { quota: number }): Promise<{ readonly indexedDB: IDBFactory }>
}

interface Profile extends StoreWorld {
  readonly name: string
  /** What the database holds of one store, in key order. */
  rows(store: string): Promise<unknown[]>
  /** Changes one store behind the back of everybody. */
  tamper(store: string, change: (objects: IDBObjectStore) => void): Promise<void>
}

const profiles: Profile[] = []

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

function newProfile(): Profile {
  const name = `holdfast:test-${crypto.randomUUID()}`
  const clock = createTestClock()
  const random = createTestRandom()
  const stores: Store[] = []
  const profile: Profile = {
    name,
    clock,
    store(limits = WIDE_LIMITS) {
      const store = createIndexedDbStore({ name, clock, random, limits, durability: 'relaxed', openDeadlineMs: 300 })
      stores.push(store)
      return store
    },
    async rows(store) {
      const db = await openDB(name)
      const rows: unknown[] = await db.getAll(store)
      db.close()
      return rows
    },
    async tamper(store, change) {
      const db = await openDB(name)
      const tx = db.transaction(store, 'readwrite')
      change(unwrap(tx).objectStore(store))
      await tx.done
      db.close()
    },
    async dispose() {
      for (const store of stores) store.close()
      await deleteDB(name)
    },
  }
  profiles.push(profile)
  return profile
}

registerStoreContract('an IndexedDB store', newProfile)
registerStoreModel('an IndexedDB store', newProfile, 100)

describe('an IndexedDB store', () => {
  afterEach(async () => {
    vi.restoreAllMocks()
    await Promise.all(profiles.splice(0).map((profile) => profile.dispose()))
    vi.unstubAllGlobals()
  })

  async function opened(profile: Profile): Promise<Store> {
    const store = profile.store()
    await store.open()
    return store
  }

  it('[ST2] holds 10,000 messages in order, many to a record', async () => {
    const profile = newProfile()
    const store = await opened(profile)
    const names = Array.from({ length: 10_000 }, (_, at) => at)
    for (let at = 0; at < names.length; at += 1_000) await store.append(newMessages(...names.slice(at, at + 1_000)), false)
    store.close()
    const { outbox } = await profile.store().open()
    expect(outbox.entries.map((entry) => entry.id)).toEqual(names.map(idOf))
    expect(outbox.entries.at(-1)?.n).toBe(10_000)
    expect(await profile.rows('outbox')).toHaveLength(40)
  })

  it('[ST6] deletes settled records whole and passes over the settled part of others', async () => {
    const profile = newProfile()
    const store = await opened(profile)
    await store.append(newMessages('a', 'b'), true)
    await store.append(newMessages('c', 'd', 'e'), true)
    await store.settle(3, idOf('c'), [])
    expect(await profile.rows('outbox')).toHaveLength(1)
    await store.bury([5], 'cancelled')
    expect(await profile.rows('outbox')).toMatchObject([[{ n: 4 }, { n: 5, skip: 'cancelled' }]])
    await store.settle(5, idOf('e'), [])
    expect(await profile.rows('outbox')).toEqual([])
  })

  it('[ST7] [ST17] packs old fates into a few letters along with later ones, not each time', async () => {
    const profile = newProfile()
    const store = await opened(profile)
    await store.append(newMessages('a', 'b', 'c'), true)
    await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'applied', replyJson: '"yes"' }])
    profile.clock.advance(1_199_999)
    await store.bury([2], 'cancelled')
    expect([(await profile.rows('fates')).length, await profile.rows('ended')]).toEqual([2, []])
    profile.clock.advance(1)
    await store.bury([3], 'expired')
    expect(await profile.rows('fates')).toMatchObject([
      { row: 2, fates: [{ id: idOf('b') }] },
      { row: 3, fates: [{ id: idOf('c') }] },
    ])
    expect(await profile.rows('ended')).toEqual([{ row: 1, taken: 3, ids: idOf('a'), ends: 'p' }])
    profile.clock.advance(1_200_000)
    await store.append(newMessages('d'), true)
    await store.bury([4], 'expired')
    expect(await profile.rows('ended')).toEqual([{ row: 1, taken: 3, ids: ['a', 'b', 'c'].map(idOf).join(''), ends: 'pcx' }])
  })

  it('[ST17] [ST16] [I30] deletes the ends that it forgets, and what it can say of what was taken since with them', async () => {
    const profile = newProfile()
    const store = await opened(profile)
    const since = store.taken()
    let sent = 0
    for (let round = 0; round < 6; round++) {
      const names = Array.from({ length: 40_000 }, () => ++sent)
      await store.append(newMessages(...names), true)
      await store.settle(
        sent,
        idOf(sent),
        names.map((name) => ({ id: idOf(name), fate: 'applied' })),
      )
      profile.clock.advance(1_200_000)
    }
    expect(store.reaches(since)).toBe(true)
    await store.append(newMessages('last'), true)
    await store.bury([sent + 1], 'cancelled')
    expect(store.reaches(since)).toBe(false)
    const rows = (await profile.rows('ended')) as { readonly ends: string }[]
    expect(rows.reduce((sum, { ends }) => sum + ends.length, 0)).toBeLessThanOrEqual(200_000)
    store.close()
    const next = profile.store()
    await next.open()
    expect([next.reaches(since), next.reaches(store.taken()), await next.fatesOf([1, sent].map(idOf))]).toEqual([
      false,
      true,
      [{ id: idOf(sent), fate: 'applied' }],
    ])
  })

  it.each<[string, unknown]>([
    ['no epoch', { epoch: '', offset: 3, id: idOf('m3') }],
    ['no offset', { epoch: idOf('epoch'), id: idOf('m3') }],
    ['an offset that no frame can say', { epoch: idOf('epoch'), offset: 2 ** 53 - 1, id: idOf('m3') }],
  ])('(W2) (D4) [ST9] a cached channel whose place has %s is deleted, and nothing else', async (_title, cursor) => {
    const profile = newProfile()
    const store = await opened(profile)
    await store.append(newMessages('a'), false)
    await store.saveCache([{ channel: 'bad', cursor: { epoch: idOf('epoch'), offset: 0, id: '' }, append: [], keepFrom: 0 }])
    await profile.tamper('channels', (objects) => objects.put({ cursor }, 'bad'))
    store.close()
    const { channels, corrupt, outbox } = await profile.store().open()
    expect([channels, corrupt, outbox.entries.length]).toEqual([[], false, 1])
  })

  it('[ST15] [I30] deletes fates that were given up because there were too many', async () => {
    const profile = newProfile()
    const store = profile.store()
    await store.open()
    const replyJson = JSON.stringify('r'.repeat(MAX_FATE_UNITS / 2))
    for (const n of [1, 2, 3]) {
      profile.clock.advance(1)
      await store.append(newMessages(n), true)
      await store.settle(n, idOf(n), [{ id: idOf(n), fate: 'applied', ...(n < 3 ? { replyJson } : {}) }])
    }
    profile.clock.advance(1)
    await store.append(newMessages(4), false)
    await store.bury([4], 'cancelled')
    const rows = (await profile.rows('fates')) as { readonly fates: readonly { readonly id: string }[] }[]
    expect(rows.flatMap(({ fates }) => fates.map(({ id }) => id))).toEqual([2, 3, 4].map(idOf))
  })

  it('[ST9] a cached channel with a hole is deleted', async () => {
    const profile = newProfile()
    const store = await opened(profile)
    const message = (offset: number) => ({ offset, id: idOf(`m${offset}`), json: '1' })
    const cursor = { epoch: idOf('epoch'), offset: 3, id: idOf('m3') }
    for (const channel of ['good', 'bad']) {
      await store.saveCache([{ channel, cursor, append: [1, 2, 3].map(message), keepFrom: 0 }])
    }
    await profile.tamper('messages', (objects) => objects.put([message(1), message(3)], ['bad', 1]))
    store.close()
    const { channels, corrupt } = await profile.store().open()
    expect(channels.map(({ channel }) => channel)).toEqual(['good'])
    expect(corrupt).toBe(false)
    expect(await profile.rows('messages')).toHaveLength(1)
    expect(await profile.rows('channels')).toHaveLength(1)
  })

  describe('when the connection is dropped', () => {
    /** Makes the connections of stores reachable, so that a test can take them away. */
    function connections(): IDBDatabase[] {
      const made: IDBDatabase[] = []
      const open = IDBFactory.prototype.open
      vi.spyOn(IDBFactory.prototype, 'open').mockImplementation(function (this: IDBFactory, name, version) {
        const request = open.call(this, name, version)
        request.addEventListener('success', () => made.push(request.result))
        return request
      })
      return made
    }

    it('[ST10] opens it again and the call succeeds', async () => {
      const made = connections()
      const profile = newProfile()
      const store = await opened(profile)
      await store.append(newMessages('a'), false)
      made[0]?.close()
      expect((await store.append(newMessages('b'), false)).entries[0]?.n).toBe(2)
      made[1]?.dispatchEvent(new Event('close'))
      await store.saveCache([{ channel: 'agents', cursor: { epoch: idOf('e'), offset: 0, id: '' }, append: [], keepFrom: 0 }])
      expect(made).toHaveLength(3)
      store.close()
      expect((await profile.store().open()).outbox.entries).toHaveLength(2)
    })

    /** The next commit of a transaction of data takes effect, and afterwards the caller is told that it did not. */
    function loseNextAnswer(): void {
      const commit = vi.spyOn(IDBTransaction.prototype, 'commit').mockImplementationOnce(function (this: IDBTransaction) {
        commit.mockRestore()
        const overtake = (event: Event): void => {
          event.stopImmediatePropagation()
          this.dispatchEvent(new Event('abort'))
        }
        // The event passes its database before it comes to the listeners of the transaction.
        this.db.addEventListener('complete', overtake, { capture: true, once: true })
        this.commit()
      })
    }

    it('[ST10] a call that took effect although its answer was lost takes effect once', async () => {
      const made = connections()
      const profile = newProfile()
      const store = await opened(profile)
      loseNextAnswer()
      const { entries } = await store.append(newMessages('a', 'b'), false)
      expect(entries.map((entry) => entry?.n)).toEqual([1, 2])
      expect(made).toHaveLength(2)
      expect((await store.append(newMessages('c'), false)).entries[0]?.n).toBe(3)
      store.close()
      expect((await profile.store().open()).outbox).toMatchObject({ next: 4 })
    })

    it('[ST10] [I3] reads again what a call left whose second answer was lost too', async () => {
      const made = connections()
      const profile = newProfile()
      const store = await opened(profile)
      await store.append(newMessages('a'), false)
      made[0]?.close()
      // The first transaction of the new connection reads the outbox, the second is the call.
      let seen = 0
      const transaction = IDBDatabase.prototype.transaction
      vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...given) {
        const tx = transaction.apply(this, given)
        if (++seen === 2) loseNextAnswer()
        return tx
      })
      await expect(store.append(newMessages('b', 'c'), false)).rejects.toMatchObject({ code: 'storage-failed' })
      expect(seen).toBe(2)
      const { entries } = await store.append(newMessages('d', 'b'), false)
      expect(entries.map((entry) => entry?.n)).toEqual([4, 2])
      store.close()
      const state = await profile.store().open()
      expect(state.corrupt).toBe(false)
      expect(state.outbox.entries.map((entry) => entry.id)).toEqual(['a', 'b', 'c', 'd'].map(idOf))
    })

    it('[ST10] [I5] gives up when the new connection fails too', async () => {
      const store = await opened(newProfile())
      vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
        throw new DOMException('Connection to Indexed Database server lost.', 'UnknownError')
      })
      await expect(store.append(newMessages('a'), false)).rejects.toMatchObject({ code: 'storage-failed' })
      vi.restoreAllMocks()
      expect((await store.append(newMessages('b'), false)).entries[0]?.n).toBe(1)
    })

    it('[ST11] a database that is gone afterwards is not made again', async () => {
      const made = connections()
      const profile = newProfile()
      const store = await opened(profile)
      const lost: string[] = []
      store.onLost((why) => lost.push(why))
      made[0]?.close()
      await deleteDB(profile.name)
      for (const name of ['a', 'b']) await expect(store.append(newMessages(name), false)).rejects.toMatchObject({ code: 'storage-failed' })
      expect(lost).toHaveLength(1)
      expect((await indexedDB.databases()).map((database) => database.name)).not.toContain(profile.name)
    })

    it('[ST11] [SO12] notices without a call that the database is gone, and that it is not', async () => {
      const made = connections()
      const profile = newProfile()
      const store = await opened(profile)
      const lost: string[] = []
      store.onLost((why) => lost.push(why))
      made[0]?.close()
      made[0]?.dispatchEvent(new Event('close'))
      await expect.poll(() => made.length).toBe(2)
      expect((await store.append(newMessages('a'), false)).entries[0]?.n).toBe(1)
      expect(lost).toEqual([])
      made[1]?.close()
      await deleteDB(profile.name)
      made[1]?.dispatchEvent(new Event('close'))
      await expect.poll(() => lost).toHaveLength(1)
    })

    it('[ST11] another database under the same name is not written to', async () => {
      const made = connections()
      const profile = newProfile()
      const store = await opened(profile)
      const lost: string[] = []
      store.onLost((why) => lost.push(why))
      made[0]?.close()
      await deleteDB(profile.name)
      const other = await opened(profile)
      await expect(store.append(newMessages('a'), false)).rejects.toMatchObject({ code: 'storage-failed' })
      expect(lost).toHaveLength(1)
      expect((await other.append(newMessages('b'), false)).entries[0]?.n).toBe(1)
    })
  })

  it('[ST11] a database deleted while it is open is given up at once', async () => {
    const profile = newProfile()
    const store = await opened(profile)
    const lost: string[] = []
    store.onLost((why) => lost.push(why))
    await deleteDB(profile.name)
    expect(lost).toHaveLength(1)
    await expect(store.append(newMessages('a'), false)).rejects.toMatchObject({ code: 'storage-failed' })
    expect(lost).toHaveLength(1)
  })

  it('[ST11] [I36] makes way for a newer version of the app', async () => {
    const profile = newProfile()
    const store = await opened(profile)
    const lost: string[] = []
    store.onLost((why) => lost.push(why))
    const newer = await openDB(profile.name, 2)
    expect(lost).toHaveLength(1)
    await expect(store.raiseSentThrough(1)).rejects.toMatchObject({ code: 'storage-failed' })
    newer.close()
  })

  it('[ST12] [I5] says storage-full when the browser gives no more, and holds what it held', async () => {
    const profile = newProfile()
    const buckets = (navigator as Navigator & { storageBuckets: StorageBuckets }).storageBuckets
    vi.stubGlobal('indexedDB', (await buckets.open('small', { quota: 2 ** 20 })).indexedDB)
    const store = await opened(profile)
    await store.append(newMessages('a'), false)
    const [message] = newMessages('big')
    const big = { ...message!, json: JSON.stringify(Array.from({ length: 2 ** 20 }, () => Math.random())) }
    await expect(store.append([big], false)).rejects.toMatchObject({ code: 'storage-full' })
    expect((await store.append(newMessages('b'), false)).entries[0]?.n).toBe(2)
    store.close()
    expect((await profile.store().open()).outbox.entries.map((entry) => entry.id)).toEqual([idOf('a'), idOf('b')])
  })

  it('[ST12] says storage-full when a put is refused', async () => {
    const store = await opened(newProfile())
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    await expect(store.append(newMessages('a'), false)).rejects.toMatchObject({ code: 'storage-full' })
    expect((await store.append(newMessages('b'), false)).entries[0]?.n).toBe(1)
  })

  it('[ST12] does not wait for ever for a database that another version holds', async () => {
    const profile = newProfile()
    const holder = await openDB(profile.name, 1)
    const deleting = deleteDB(profile.name)
    await expect(profile.store().open()).rejects.toMatchObject({ code: 'storage-failed' })
    holder.close()
    await deleting
  })

  describe('when records are not what was written', () => {
    async function damaged(damage: (profile: Profile) => Promise<void>): Promise<{ client: string; state: StoredState }> {
      const profile = newProfile()
      const store = await opened(profile)
      const { client } = await store.append(newMessages('a', 'b'), false)
      await store.append(newMessages('c'), false)
      store.close()
      await damage(profile)
      const state = await profile.store().open()
      // What was repaired stays repaired.
      const again = await profile.store().open()
      expect(again).toEqual({ ...state, corrupt: false })
      return { client, state }
    }

    const storedMessage = (name: string): object => ({ ...newMessages(name)[0], atMs: 1 })
    const damages: [title: string, store: string, change: (objects: IDBObjectStore) => void, left: string[]][] = [
      ['a record is missing', 'outbox', (objects) => objects.delete(2), ['c']],
      ['the last record is missing', 'outbox', (objects) => objects.delete(3), ['a', 'b']],
      ['a field has another type', 'outbox', (objects) => objects.put([{ ...storedMessage('c'), n: '3' }], 3), ['a', 'b']],
      ['the text of a message is cut', 'outbox', (objects) => objects.put([{ ...storedMessage('c'), n: 3, json: '{"a' }], 3), ['a', 'b']],
      ['a number comes twice', 'outbox', (objects) => objects.put([{ ...storedMessage('d'), n: 3 }], 4), ['a', 'b', 'c', 'd']],
      ['an id comes twice', 'outbox', (objects) => objects.put([{ ...storedMessage('a'), n: 3 }], 3), ['a', 'b']],
      ['a fate is unreadable', 'fates', (objects) => objects.put({ row: 1, atMs: 1, taken: 1, fates: 'none' }, 1), ['a', 'b', 'c']],
      ['an end is unreadable', 'ended', (objects) => objects.put({ row: 1, taken: 1, ids: 'none', ends: 'a' }, 1), ['a', 'b', 'c']],
      ['a parked message is unreadable', 'parked', (objects) => objects.put({ id: 1 }, idOf('a')), ['a', 'b', 'c']],
      ['a notice is unreadable', 'notices', (objects) => objects.put([{ id: 1 }], 'notices'), ['a', 'b', 'c']],
      ['the session is unreadable', 'session', (objects) => objects.put({ id: 1 }, 'session'), ['a', 'b', 'c']],
      ['the token of the session is cut', 'session', (objects) => objects.put({ id: idOf('s'), token: 'cut' }, 'session'), ['a', 'b', 'c']],
      ['a field is missing', 'outbox', (objects) => objects.put([{ n: 3, id: idOf('c'), channel: 'agents' }], 3), ['a', 'b']],
      ['a channel has no name', 'outbox', (objects) => objects.put([{ ...storedMessage('c'), n: 3, channel: '*' }], 3), ['a', 'b']],
      ['a record is no list', 'outbox', (objects) => objects.put('text', 3), ['a', 'b']],
      [
        'a text is nested deeper than a frame may be',
        'outbox',
        (objects) => objects.put([{ ...storedMessage('c'), n: 3, json: deep(61) }], 3),
        ['a', 'b'],
      ],
    ]
    for (const [title, store, change, left] of damages) {
      it(`(W2) (D4) [ST13] begins a new run and asks about every message when ${title}`, async () => {
        const { client, state } = await damaged((profile) => profile.tamper(store, change))
        expect(state.corrupt).toBe(true)
        expect(state.outbox.client).not.toBe(client)
        expect(state.outbox.entries.map((entry) => entry.id)).toEqual(left.map(idOf))
        expect(state.outbox.entries.map((entry) => entry.n)).toEqual(left.map((_, at) => at + 1))
        expect(state.outbox.entries.every((entry) => entry.recall?.[0] === client)).toBe(true)
        // It is told when they are asked about, which a later hub may do.
        expect(state.notices).toMatchObject([{ id: state.outbox.client, event: { reason: 'storage-corrupt', mayRepeat: [] } }])
      })
    }

    it('(W2) (D4) [ST13] throws where it may not repair, and leaves everything, the lease too, to the next owner', async () => {
      const profile = newProfile()
      const hub = profile.store()
      await hub.open()
      await hub.append(newMessages('a', 'b', 'c'), false)
      hub.close()
      await profile.tamper('outbox', (objects) => objects.put([{ ...storedMessage('b'), n: 3 }], 3))
      const before = await Promise.all(['run', 'outbox'].map((store) => profile.rows(store)))
      const { name, clock } = profile
      const random = createTestRandom()
      const reader = createIndexedDbStore({ name, clock, random, limits: WIDE_LIMITS, durability: 'strict', repairs: false })
      await expect(reader.open()).rejects.toMatchObject({ code: 'storage-corrupt' })
      reader.close()
      expect(await Promise.all(['run', 'outbox'].map((store) => profile.rows(store)))).toEqual(before)
      expect((await profile.store().open()).corrupt).toBe(true)
    })

    it.each<[string, (row: object) => unknown]>([
      ['is missing', () => undefined],
      ['has no client id', (row) => ({ ...row, client: undefined })],
      ['has another type', () => 'run'],
      ['has an older schema than there ever was', (row) => ({ ...row, schema: 0 })],
      ['counts to half', (row) => ({ ...row, next: 2.5 })],
      ['has confirmed more than it has sent', (row) => ({ ...row, acked: 9, ackedId: idOf('x') })],
      ['counts further than a frame can say', (row) => ({ ...row, next: 2 ** 48 + 4, acked: 2 ** 48, ackedId: idOf('x') })],
    ])('(W2) (D4) [ST13] announces possible repeats when the row that names the client id %s', async (_title, change) => {
      const { client, state } = await damaged(async (profile) => {
        const [row] = await profile.rows('run')
        const changed = change(row as object)
        await profile.tamper('run', (objects) => (changed === undefined ? objects.clear() : objects.put(changed, 'run')))
      })
      expect([state.corrupt, state.outbox.client === client]).toEqual([true, false])
      expect(state.outbox.entries.map(({ n, mayRepeat }) => [n, mayRepeat])).toEqual([
        [1, true],
        [2, true],
        [3, true],
      ])
      expect(state.notices).toMatchObject([{ event: { reason: 'storage-corrupt', mayRepeat: ['a', 'b', 'c'].map(idOf) } }])
    })

    it('[ST5] fences an earlier owner that a repair made unrecognisable', async () => {
      const profile = newProfile()
      const earlier = await opened(profile)
      await profile.tamper('run', (objects) => objects.clear())
      const { outbox } = await profile.store().open()
      await expect(earlier.append(newMessages('a'), false)).rejects.toMatchObject({ code: 'storage-failed' })
      expect((await profile.store().open()).outbox).toEqual(outbox)
    })
  })

  it('[SO5] a sign-out is on the disk when it is told, whatever the durability of the rest', async () => {
    const store = await opened(newProfile())
    const begun = vi.spyOn(IDBDatabase.prototype, 'transaction')
    await store.append(newMessages('a'), false)
    await store.signOut(idOf('next'), false)
    expect(begun.mock.calls.map(([, , how]) => how?.durability)).toEqual(['relaxed', 'strict'])
  })

  describe('when a newer version wrote the data', () => {
    it('(W2) [ST14] [I36] refuses a database of a newer version', async () => {
      const profile = newProfile()
      const newer = await openDB(profile.name, 2)
      newer.close()
      await expect(profile.store().open()).rejects.toMatchObject({ code: 'storage-newer' })
    })

    it('(W2) [ST14] [I36] refuses a row of a newer schema and leaves it as it is', async () => {
      const profile = newProfile()
      const store = await opened(profile)
      await store.append(newMessages('a'), false)
      store.close()
      const row = { schema: 2, lease: 'not a number any more' }
      await profile.tamper('run', (objects) => objects.put(row, 'run'))
      await expect(profile.store().open()).rejects.toMatchObject({ code: 'storage-newer' })
      expect(await profile.rows('run')).toEqual([row])
      expect(await profile.rows('outbox')).toHaveLength(1)
    })
  })
})
