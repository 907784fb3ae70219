import { deleteDB, openDB, unwrap } from 'idb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { id, message, settings, welcome } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import { createIndexedDbStore } from '../storage/indexeddb-store.ts'
import { createTestClock, createTestRandom, WIDE_LIMITS } from '../storage/store-contract.ts'
import type { Store } from '../core/ports.ts'
import { settled, type TestTab, TestWorld } from './test-hub.ts'

const POISON = 'poison'

describe('a hub that finds records it cannot trust', () => {
  let world: TestWorld
  let names: string[]
  const clock = createTestClock()
  const random = createTestRandom()

  beforeEach(() => {
    world = new TestWorld()
    names = []
  })

  afterEach(async () => {
    world.close()
    await settled()
    await Promise.all(names.map((name) => deleteDB(name)))
  })

  function storeOf(name: string): Store {
    if (!names.includes(name)) names.push(name)
    const store = createIndexedDbStore({ name, clock, random, limits: WIDE_LIMITS, durability: 'relaxed' })
    closers.push(() => store.close())
    return store
  }
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  /** A database in which an earlier hub left two messages. */
  async function leftBy(user: string): Promise<{ name: string; client: string }> {
    const name = `holdfast:${user}-${crypto.randomUUID()}`
    const store = storeOf(name)
    await store.open()
    const { ledger, reach } = welcome()
    await store.saveIdentity({ ledger, since: reach.made, sentThrough: 0, sendOnly: null })
    const { client } = await store.append([message('first')], true)
    await store.append([message('second')], false)
    store.close()
    return { name, client }
  }

  async function tamper(name: string, records: string, change: (objects: IDBObjectStore) => void): Promise<void> {
    const db = await openDB(name)
    const tx = db.transaction(records, 'readwrite')
    change(unwrap(tx).objectStore(records))
    await tx.done
    db.close()
  }

  /** A hub on that database, with a tab, connected to a server that knows nothing. */
  async function hubOn(name: string, user: string = 'ada'): Promise<{ tab: TestTab; socket: SocketDouble }> {
    world.alter = () => storeOf(name)
    const tab = world.tab(world.hub())
    const sockets = world.sockets.all.length
    await tab.attach({}, { ...settings(), user })
    await expect.poll(() => world.sockets.all.length).toBeGreaterThan(sockets)
    return { tab, socket: await world.accept({ user }) }
  }

  /** Answers every question and acknowledges everything, until nothing more comes. */
  async function serve(socket: SocketDouble): Promise<string> {
    let heard = 0
    await expect
      .poll(async () => {
        for (const frame of socket.received.slice(heard)) {
          heard++
          if (frame.type === 'recall') socket.send({ type: 'recalled', client: frame['client'] as string, fates: [] })
          const last = frame.type === 'send' ? (frame['messages'] as { n: number; id: string }[]).at(-1) : undefined
          if (last) socket.send({ type: 'ack', hi: last.n, stable: last.n, id: last.id, outcomes: [] })
        }
        await settled()
        world.clock.advance(50)
        return world.tabs.at(-1)?.pending
      })
      .toBe(0)
    return JSON.stringify(socket.received)
  }

  it.each<[string, string, (objects: IDBObjectStore) => void, string[]]>([
    ['a message with a field of another type', 'outbox', (objects) => objects.put([{ ...message(POISON), n: '2', atMs: 1 }], 2), ['first']],
    ['a message without a field', 'outbox', (objects) => objects.put([{ n: 2, id: id(POISON), json: `"${POISON}"` }], 2), ['first']],
    [
      'a message that is not JSON',
      'outbox',
      (objects) => objects.put([{ ...message(POISON), n: 2, atMs: 1, json: `{"${POISON}` }], 2),
      ['first'],
    ],
    [
      'JSON that is two values',
      'outbox',
      (objects) => objects.put([{ ...message(POISON), n: 2, json: `1},{"${POISON}":2` }], 2),
      ['first'],
    ],
    [
      'a number that is there twice',
      'outbox',
      (objects) => objects.put([{ ...message('other'), n: 2, atMs: 1 }], 9),
      ['first', 'second', 'other'],
    ],
    ['a hole', 'outbox', (objects) => objects.delete(1), ['second']],
    [
      'a session without a token',
      'session',
      (objects) => objects.put({ id: id('session'), token: POISON }, 'session'),
      ['first', 'second'],
    ],
    ['no row that names the client', 'run', (objects) => objects.clear(), ['first', 'second']],
  ])(
    '(W2) (D4) such as %s tells `storage-corrupt`, goes on under a new client id, and sends nothing of it [ST13] [I3] [I5]',
    async (_title, records, change, left) => {
      const { name, client } = await leftBy('ada')
      await tamper(name, records, change)
      const { tab, socket } = await hubOn(name)
      expect(tab.errors).toEqual(['storage-corrupt'])
      const [hello] = socket.received
      expect(hello).toMatchObject({ type: 'hello', session: null, confirmed: 0 })
      expect(hello?.['client']).not.toBe(client)
      const said = await serve(socket)
      expect(said).not.toContain(POISON)
      const sent = socket.received.flatMap((frame) => (frame.type === 'send' ? (frame['messages'] as { n: number; id: string }[]) : []))
      expect(sent.map((each) => [each.n, each.id])).toEqual(left.map((each, at) => [at + 1, id(each)]))
      // What was repaired stays repaired, and messages go on.
      expect(await tab.hub.send([message('next')])).toEqual({ ok: true, value: [{ queued: true }] })
    },
  )

  it('(W2) of a newer schema tells `storage-newer`, works from memory, and leaves them as they are [ST14] [I36]', async () => {
    const { name, client } = await leftBy('ada')
    await tamper(name, 'run', (objects) => objects.put({ schema: 2, future: POISON }, 'run'))
    const { tab, socket } = await hubOn(name)
    expect([tab.errors, tab.durable]).toEqual([['storage-newer'], false])
    expect(await tab.hub.send([message('next')])).toEqual({ ok: true, value: [{ queued: true }] })
    const said = await serve(socket)
    for (const word of [POISON, client, id('first'), id('second')]) expect(said).not.toContain(word)
    const db = await openDB(name)
    expect([await db.getAll('run'), (await db.getAll('outbox')).length]).toEqual([[{ schema: 2, future: POISON }], 2])
    db.close()
  })

  it('(W3) of another user are in a database of their own: nothing of it is sent, and it is all there when that user comes back [I25]', async () => {
    const bob = await leftBy('bob')
    const ada = await hubOn(`holdfast:ada-${crypto.randomUUID()}`)
    await ada.tab.hub.send([message('of-ada')])
    const said = await serve(ada.socket)
    for (const word of [bob.client, id('first'), id('second')]) expect(said).not.toContain(word)
    world.close()
    world = new TestWorld()
    const { socket } = await hubOn(bob.name, 'bob')
    expect(socket.received[0]).toMatchObject({ type: 'hello', client: bob.client, user: 'bob' })
    expect(await serve(socket)).toContain(id('second'))
  })
})
