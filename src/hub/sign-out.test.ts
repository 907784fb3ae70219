import { describe, expect, it } from 'vitest'
import { holdLock } from '../bridge/liveness.ts'
import { ownerLockName } from '../bridge/lock-names.ts'
import type { Store } from '../core/ports.ts'
import { id, message, place, published, welcome } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import { CLOSE } from '../protocol/close-codes.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import { newcomer, perTest, say, settled, subOf, type TestTab, type TestWorld, twoTabs } from './test-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const leftBy = (tab: TestTab): boolean => tab.batches.some(({ signedOut }) => signedOut)
const types = (socket: SocketDouble): string[] => socket.received.map(({ type }) => type)

const unreadable = (): Promise<never> => Promise.reject(new HoldfastError('storage-failed', 'The database cannot be read.'))

/** The server ends the session, as it was asked to. */
async function obey(socket: SocketDouble): Promise<void> {
  await settled()
  expect(types(socket)).toContain('sign_out')
  socket.listener.closed(CLOSE.signedOut.code)
  await settled()
}

describe('signing out', () => {
  it('(SEC7) [SO3] [SO4] [SO5] [I26] tells the server, then the other tabs, and forgets everything', async () => {
    const { one, two, socket } = await twoTabs(world)
    await two.hub.subscribe([newcomer('agents')])
    await settled()
    const sub = subOf(socket, 'agents')
    await say(
      socket,
      { type: 'subscribed', sub, head: place(0), verdict: 'start', follows: true },
      { type: 'messages', batches: [{ sub, messages: published(1, 3) }] },
    )
    world.clock.advance(5_000)
    await settled()
    expect(world.disk.channels.size).toBe(1)
    const { client } = world.disk.stored?.outbox ?? {}
    const leaving = one.hub.signOut(false)
    await obey(socket)
    expect(await leaving).toEqual({ ok: true, value: { discarded: 0, serverTold: true } })
    expect([leftBy(one), leftBy(two)]).toEqual([false, true])
    expect(world.disk).toMatchObject({
      signOuts: 1,
      stored: { session: null, memory: { fates: new Map(), rows: [], ended: [] }, parked: new Map() },
    })
    expect(world.disk.stored?.outbox.client).not.toBe(client)
    expect(world.disk.channels.size).toBe(0)
    // Nothing is handed on, and nothing connects by itself.
    world.clock.advance(600_000)
    await settled()
    expect(world.sockets.all).toHaveLength(1)
  })

  it('[SO2] waits for what can be sent, and for nothing else', async () => {
    const { one, socket } = await twoTabs(world)
    await one.hub.send([message('a'), message('b')])
    const leaving = one.hub.signOut(false)
    await settled()
    expect(types(socket)).not.toContain('sign_out')
    await say(socket, { type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes: [] })
    await obey(socket)
    expect(await leaving).toEqual({ ok: true, value: { discarded: 0, serverTold: true } })
  })

  it('(SEC7) [SO2] [SO5] [I25] sends no longer than five seconds, and says how many messages were not confirmed', async () => {
    const { one, socket } = await twoTabs(world)
    await one.hub.send([message('a'), message('b'), message('c')])
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    const leaving = one.hub.signOut(false)
    await settled()
    // The server lives: it answers the question that a wake-up asks.
    await say(socket, { type: 'pong' })
    world.clock.advance(4_999)
    await settled()
    expect(types(socket)).not.toContain('sign_out')
    world.clock.advance(1)
    await obey(socket)
    expect(await leaving).toEqual({ ok: true, value: { discarded: 2, serverTold: true } })
    expect(world.disk.stored?.outbox.entries).toEqual([])
  })

  it('[SO2] refuses what is sent meanwhile, in every tab', async () => {
    const { one, two, socket } = await twoTabs(world)
    await one.hub.send([message('a')])
    const leaving = one.hub.signOut(false)
    await settled()
    const refused = { ok: true, value: [{ error: { code: 'closed' } }] }
    expect(await two.hub.send([message('b')])).toMatchObject(refused)
    expect(await one.hub.send([message('c')])).toMatchObject(refused)
    expect(await two.hub.sendVolatile([message('d')])).toMatchObject({ ok: false, error: { code: 'not-connected' } })
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    await obey(socket)
    expect(await leaving).toMatchObject({ value: { discarded: 0 } })
  })

  it('[SO4] [I39] says of what a page has handed over before its user left that nobody knows what became of it', async () => {
    world.disk.signOuts = 1
    const other = await holdLock(world.locks, ownerLockName(id('scope')))
    const hub = world.hub()
    const [late, here] = [world.tab(hub), world.tab(hub)]
    await late.attach({ signOuts: 0 })
    await here.attach({ signOuts: 1 })
    const answering = late.hub.send([message('before')], true)
    await settled()
    other.release()
    await settled()
    expect(await answering).toMatchObject({ ok: true, value: [{ error: { code: 'may-repeat' } }] })
    expect(world.disk.stored?.outbox.entries).toEqual([])
  })

  it('[SO3] goes on without the server when it is not there, and says so', async () => {
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    await one.attach()
    await two.attach()
    await one.hub.send([message('a')])
    await one.hub.signal('offline')
    const leaving = one.hub.signOut(false)
    await settled()
    world.sockets.last().listener.closed(1006)
    await settled()
    expect(await leaving).toEqual({ ok: true, value: { discarded: 1, serverTold: false } })
    expect(leftBy(two)).toBe(true)
    expect(world.disk.stored?.outbox.entries).toEqual([])
  })

  it('[SO3] [I39] waits two seconds for a server that does not answer', async () => {
    const { one } = await twoTabs(world)
    const leaving = one.hub.signOut(false)
    await settled()
    world.clock.advance(2_000)
    expect(await leaving).toEqual({ ok: true, value: { discarded: 0, serverTold: null } })
  })

  it('(SEC7) [SO6] [I25] parks what waits, and the next sign-in of the same user sends it under the new client id', async () => {
    const { one, socket } = await twoTabs(world)
    const { client } = world.disk.stored?.outbox ?? {}
    await one.hub.send([message('a')])
    const leaving = one.hub.signOut(true)
    await settled()
    await say(socket, { type: 'pong' })
    world.clock.advance(5_000)
    await obey(socket)
    expect(await leaving).toEqual({ ok: true, value: { discarded: 0, serverTold: true } })
    const hub = world.hub()
    world.locks.take(ownerLockName(id('scope')))
    await world.tab(hub, 'later').attach()
    const next = await world.accept()
    expect(next.received[0]).toMatchObject({ type: 'hello', session: null })
    expect(next.received[0]?.['client']).not.toBe(client)
    // It may have been applied: the server is asked first.
    expect(next.received[1]).toMatchObject({ type: 'recall', client, ids: [id('a')] })
    await say(next, { type: 'recalled', client: client ?? '', fates: [] })
    expect(next.received.at(-1)).toMatchObject({ type: 'send', messages: [{ n: 1, id: id('a'), mayRepeat: true }] })
  })

  it('[SO4] a page that did not run learns it when it comes back, from whichever hub lives then, and connects nobody', async () => {
    const { one, two, socket } = await twoTabs(world)
    await two.hub.signal('suspended')
    const leaving = one.hub.signOut(false)
    await obey(socket)
    expect(await leaving).toMatchObject({ ok: true })
    expect(leftBy(two)).toBe(false)
    for (const generation of [1, 2]) {
      two.batches.length = 0
      await two.attachAgain(world.hub(generation), { signOuts: 0 })
      await settled()
      world.clock.advance(10_000)
      await settled()
      expect(leftBy(two)).toBe(true)
    }
    expect(world.sockets.all).toHaveLength(1)
  })

  it('[SO4] whoever signs in next is served, and the page of who left is not', async () => {
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    await one.attach()
    await two.attach()
    const socket = await world.accept()
    await two.hub.signal('suspended')
    const leaving = one.hub.signOut(false)
    await obey(socket)
    await leaving
    const next = world.tab(hub)
    await next.attach()
    await world.accept()
    expect(next.status).toBe('connected')
    expect(next.batches.findLast(({ state }) => state)?.signOuts).toBe(1)
    await two.attachAgain(hub, { signOuts: 0 })
    expect(leftBy(two)).toBe(true)
    expect(await two.hub.send([message('late')])).toMatchObject({ ok: false, error: { code: 'closed' } })
    expect(leftBy(next)).toBe(false)
    expect(await next.hub.send([message('mine')])).toMatchObject({ ok: true })
  })

  it('[SO4] [I26] a hub that opens the storage stores nothing of a page whose user has left, beside one whose user is here', async () => {
    world.disk.signOuts = 1
    const other = await holdLock(world.locks, ownerLockName(id('scope')))
    const hub = world.hub()
    const [late, here] = [world.tab(hub), world.tab(hub)]
    await late.attach({ signOuts: 0 })
    await here.attach({ signOuts: 1 })
    const sending = [late.hub.send([message('late')]), here.hub.send([message('mine')])]
    const retrying = late.hub.retry(id('parked'), id('again'))
    await settled()
    other.release()
    await settled()
    expect(leftBy(late)).toBe(true)
    expect(await Promise.all(sending)).toMatchObject([
      { ok: true, value: [{ error: { code: 'closed' } }] },
      { ok: true, value: [{ queued: true }] },
    ])
    expect(await retrying).toMatchObject({ ok: true, value: [{ error: { code: 'closed' } }] })
    expect(world.disk.stored?.outbox.entries.map((entry) => entry.id)).toEqual([id('mine')])
  })

  it('[SO4] [I32] a tab that comes while the storage forgets is served when that is done', async () => {
    let forget = (): void => {}
    world.alter = (store): Store => ({
      ...store,
      signOut: async (...how) => {
        await new Promise<void>((go) => (forget = go))
        return store.signOut(...how)
      },
    })
    const hub = world.hub()
    const one = world.tab(hub)
    await one.attach()
    const socket = await world.accept()
    const leaving = one.hub.signOut(false)
    await obey(socket)
    const next = world.tab(hub)
    const attaching = next.attach()
    await settled()
    expect(next.batches).toEqual([])
    forget()
    expect(await leaving).toMatchObject({ ok: true })
    expect(await attaching).toMatchObject({ ok: true })
    await world.accept()
    expect(next.status).toBe('connected')
    expect(leftBy(next)).toBe(false)
    expect(await next.hub.send([message('mine')])).toMatchObject({ ok: true })
  })

  it('[SO7] two tabs that ask get the same answer', async () => {
    const { one, two, socket } = await twoTabs(world)
    const leaving = [one.hub.signOut(false), two.hub.signOut(true)]
    await obey(socket)
    const answer = { ok: true, value: { discarded: 0, serverTold: true } }
    expect(await Promise.all(leaving)).toEqual([answer, answer])
    expect([leftBy(one), leftBy(two)]).toEqual([false, false])
  })

  it('[SO7] a storage that does not forget is told, and the user has left all the same', async () => {
    const failing = (): Promise<never> => Promise.reject(new HoldfastError('storage-failed', ''))
    world.alter = (store): Store => ({ ...store, signOut: failing })
    const { one, two, socket } = await twoTabs(world)
    const leaving = one.hub.signOut(false)
    await obey(socket)
    expect(await leaving).toMatchObject({ ok: false, error: { code: 'storage-failed' } })
    expect(leftBy(two)).toBe(true)
  })

  it('[SO5] [I26] where the hub works from memory, forgets what it has and what is stored, and counts both', async () => {
    const stored = createMemoryStore({
      clock: world.clock,
      random: world.random,
      limits: { maxMessages: 9, maxBytes: 9_000 },
      contents: world.disk,
    })
    await stored.open()
    await stored.append([message('stored before')], false)
    let tries = 0
    world.alter = (store): Store => ({ ...store, open: async () => (tries++ ? store.open() : unreadable()) })
    const { one, two, socket } = await twoTabs(world)
    expect(one.batches.find(({ state }) => state)?.state?.durable).toBe(false)
    await one.hub.send([message('a'), message('b')])
    const leaving = one.hub.signOut(true)
    await settled()
    await say(socket, { type: 'pong' })
    world.clock.advance(5_000)
    await obey(socket)
    expect(await leaving).toEqual({ ok: true, value: { discarded: 2, serverTold: true } })
    expect(leftBy(two)).toBe(true)
    expect(world.disk).toMatchObject({ signOuts: 1, stored: { outbox: { entries: [{ id: id('stored before') }] } } })
  })

  it('[SO7] [I26] where the hub works from memory and what is stored still cannot be read, says so', async () => {
    world.alter = (store): Store => ({ ...store, open: unreadable })
    const { one, two, socket } = await twoTabs(world)
    const leaving = one.hub.signOut(false)
    await obey(socket)
    expect(await leaving).toMatchObject({ ok: false, error: { code: 'storage-failed' } })
    expect(leftBy(two)).toBe(true)
  })

  it('[SO7] a storage that does not open within ten seconds means that nobody has signed out', async () => {
    const other = await holdLock(world.locks, ownerLockName(id('scope')))
    const tab = world.tab(world.hub())
    await tab.attach()
    const leaving = tab.hub.signOut(false)
    await settled()
    world.clock.advance(10_000)
    expect(await leaving).toMatchObject({ ok: false, error: { code: 'hub-timeout' } })
    const sending = tab.hub.send([message('a')])
    other.release()
    await settled()
    expect(await sending).toMatchObject({ ok: true, value: [{ queued: true }] })
    await world.accept(welcome())
    expect(tab.status).toBe('connected')
  })
})

describe('a storage that is lost while the hub runs', () => {
  it('[SO11] is told with what was saved, and the outbox goes on under a new client id', async () => {
    const { one, two, socket } = await twoTabs(world)
    await one.hub.send([message('sent')])
    await settled()
    socket.listener.closed(1006)
    await one.hub.send([message('waits')])
    const { client } = world.disk.stored?.outbox ?? {}
    Object.assign(world.disk, { stored: null })
    world.loseStorage('cleared')
    await settled()
    const event = { atMs: world.clock.steadyMs(), reason: 'cleared', requeued: 1, mayRepeat: [id('sent')], older: 0 }
    const lost = [{ id: expect.any(String) as unknown, kind: 'storage-lost', event }]
    for (const tab of [one, two]) expect(tab.batches.flatMap(({ notices = [] }) => notices)).toEqual(lost)
    expect(one.fates).toContainEqual(expect.objectContaining({ id: id('sent'), reason: 'may-repeat' }))
    expect(world.disk.stored?.outbox.client).not.toBe(client)
    expect(world.disk.stored?.outbox.entries.map(({ n, id: name }) => [n, name])).toEqual([[1, id('waits')]])
  })
})

describe('a refused credential', () => {
  it('[SO9] is looked for again when a tab is seen or comes, and a new one connects', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    await settled()
    world.sockets.last().listener.opened()
    world.sockets.last().listener.closed(CLOSE.unauthenticated.code)
    await settled()
    expect(tab.status).toBe('refused')
    for (let round = 0; round < 5; round++) {
      await tab.hub.signal('visible')
      await settled()
    }
    expect(world.sockets.all).toHaveLength(1)
    const fresh = world.tab(hub)
    fresh.credential = () => Promise.resolve({ ok: true, value: 'fresh' })
    await tab.hub.detach()
    await fresh.attach()
    const socket = await world.accept()
    expect(socket.received[0]).toMatchObject({ credential: 'fresh' })
    expect(fresh.status).toBe('connected')
  })
})
