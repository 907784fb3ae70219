import { describe, expect, it } from 'vitest'
import { holdLock, livingHubs } from '../bridge/liveness.ts'
import { hubLockName, ownerLockName } from '../bridge/lock-names.ts'
import type { Store } from '../core/ports.ts'
import { id, message } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Hub } from './hub.ts'
import { numbersSent, perTest, settled, TestWorld, type TestTab } from './test-hub.ts'

const OWNER = ownerLockName(id('scope'))

let world: TestWorld
perTest((made) => (world = made))

async function pass(ms: number): Promise<void> {
  world.clock.advance(ms)
  await settled()
}

async function isOwned(): Promise<boolean> {
  return (await world.locks.query()).held?.some(({ name }) => name === OWNER) === true
}

/** A hub whose network is cut, with one tab that has a message queued. */
async function cutOff(): Promise<{ readonly hub: Hub; readonly tab: TestTab; readonly socket: SocketDouble }> {
  const hub = world.hub()
  const tab = world.tab(hub)
  await tab.attach()
  const socket = await world.accept()
  socket.listener.closed(1006)
  await tab.hub.send([message('a')])
  return { hub, tab, socket }
}

/** Each time the newest socket opens, it is refused. */
async function refuseSockets(): Promise<void> {
  await settled()
  for (const socket of world.sockets.all) if (socket.closedWith === null) socket.listener.closed(1006)
  await settled()
}

describe('a hub that no tab is attached to', () => {
  it('[HU26] without a socket gives the owner lock back two seconds after its last tab, and owns again for the next, in the same worker', async () => {
    const { hub, tab } = await cutOff()
    const { lease } = world.disk
    await tab.die()
    await pass(1_999)
    expect(await isOwned()).toBe(true)
    await pass(1)
    expect(await isOwned()).toBe(false)
    const [living] = await livingHubs(world.locks, id('scope'))
    // The service worker, meanwhile.
    const other = await holdLock(world.locks, OWNER)
    const later = world.tab(hub)
    expect(await later.attach()).toMatchObject({ ok: true, value: { lock: living && hubLockName(id('scope'), living) } })
    expect(world.disk.lease).toBe(lease)
    other.release()
    const socket = await world.accept()
    expect(world.disk.lease).toBe(lease + 1)
    expect(numbersSent(socket)).toEqual([[1, id('a')]])
    expect(later.status).toBe('connected')
  })

  it('[HU26] is counted from its last tab, and keeps what it owns for one that comes in time', async () => {
    const { hub, tab } = await cutOff()
    const { lease } = world.disk
    await tab.die()
    await pass(1_500)
    const brief = world.tab(hub)
    await brief.attach()
    await brief.hub.detach()
    await refuseSockets()
    await pass(1_500)
    const reloaded = world.tab(hub)
    await reloaded.attach()
    await pass(30_000)
    expect(await isOwned()).toBe(true)
    expect(world.disk.lease).toBe(lease)
  })

  it('[HU26] with a socket goes on sending and keeps all until that ends', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    const socket = await world.accept()
    await tab.hub.send([message('a')])
    await tab.die()
    await pass(20_000)
    expect(await isOwned()).toBe(true)
    socket.send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    await settled()
    expect(world.disk.stored?.outbox.acked).toBe(1)
    socket.listener.closed(1006)
    await pass(2_000)
    expect(await isOwned()).toBe(false)
    await pass(1_000)
    expect(world.clock.running).toBe(0)
  })

  it('[HU26] a tab that is frozen is attached', async () => {
    const { tab } = await cutOff()
    await tab.hub.signal('suspended')
    await refuseSockets()
    await pass(60_000)
    expect(await isOwned()).toBe(true)
  })

  it('[HU26] asks for the lock no longer when its tabs have left before it was had: whoever has it need not give way', async () => {
    const other = await holdLock(world.locks, OWNER)
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    expect((await world.locks.query()).pending?.map(({ name }) => name)).toContain(OWNER)
    await tab.die()
    await pass(2_000)
    expect((await world.locks.query()).pending?.map(({ name }) => name)).not.toContain(OWNER)
    other.release()
    await settled()
    expect(await isOwned()).toBe(false)
    expect(world.disk.lease).toBe(0)
    const later = world.tab(hub)
    await later.attach()
    await world.accept()
    expect(later.status).toBe('connected')
    expect(later.errors).toEqual([])
  })

  it('[HU26] serves a tab that attaches at any moment while it gives the lock back', async () => {
    for (let moment = 0; moment < 24; moment++) {
      world = new TestWorld()
      const { hub, tab } = await cutOff()
      await tab.die()
      world.clock.advance(1_999)
      const next = world.tab(hub)
      const attaching = next.attach()
      for (let turn = 0; turn < moment; turn++) await (moment % 2 ? Promise.resolve() : settled(1))
      world.clock.advance(1)
      expect(await attaching, `moment ${moment}`).toMatchObject({ ok: true })
      const sending = next.hub.send([message(`m${moment}`)])
      await world.accept()
      expect(next.status, `moment ${moment}`).toBe('connected')
      expect(await sending).toEqual({ ok: true, value: [{ queued: true }] })
      world.close()
    }
  })

  it('[HU26] [SO5] ends a sign-out that its last tab asked for first', async () => {
    const { tab } = await cutOff()
    void tab.hub.signOut(false)
    await settled()
    await tab.die()
    await pass(2_000)
    expect(await isOwned()).toBe(true)
    for (let passedMs = 0; passedMs < 10_000; passedMs += 1_000) {
      await refuseSockets()
      await pass(1_000)
    }
    expect(world.disk.signOuts).toBe(1)
    expect(world.disk.stored?.outbox.entries).toEqual([])
    expect(await isOwned()).toBe(false)
  })

  it('[HU26] [HU20] saves what a lost storage held before it lets go of the next', async () => {
    const { tab } = await cutOff()
    const gate = (): { readonly passed: Promise<void>; readonly open: () => void } => {
      let open = (): void => {}
      return { passed: new Promise<void>((resolve) => (open = resolve)), open: () => open() }
    }
    const [opening, noting] = [gate(), gate()]
    world.alter = (store) => ({
      ...store,
      open: () => opening.passed.then(() => store.open()),
      note: (...notice) => noting.passed.then(() => store.note(...notice)),
    })
    world.disk.stored = null
    world.loseStorage('deleted')
    await tab.die()
    await pass(6_000)
    expect(await isOwned()).toBe(true)
    opening.open()
    await settled()
    await refuseSockets()
    await pass(4_000)
    expect(await isOwned()).toBe(true)
    noting.open()
    await settled()
    expect(world.disk.stored).toMatchObject({ outbox: { entries: [{ id: id('a') }] } })
    await refuseSockets()
    await pass(4_000)
    expect(await isOwned()).toBe(false)
  })

  it('[HU26] keeps what only its memory holds', async () => {
    const unreadable = (): Promise<never> => Promise.reject(new HoldfastError('storage-failed', 'The database cannot be read.'))
    world.alter = (store): Store => ({ ...store, open: unreadable })
    const { hub, tab } = await cutOff()
    await tab.die()
    await pass(20_000)
    expect(await isOwned()).toBe(true)
    await world.tab(hub).attach()
    expect(numbersSent(await world.accept())).toEqual([[1, id('a')]])
  })

  it('[HU26] gives the lock back when the user has left, whoever is still attached', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    const leaving = tab.hub.signOut(false)
    await refuseSockets()
    await pass(5_000)
    expect(await leaving).toMatchObject({ ok: true })
    expect(await isOwned()).toBe(false)
    await world.tab(hub).attach()
    expect(await isOwned()).toBe(true)
  })

  it('[HU26] [HU13] serves a tab with other settings that waited while the user left', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    const leaving = tab.hub.signOut(false)
    await refuseSockets()
    await pass(4_500)
    const other = world.tab(hub)
    const attaching = other.attach({}, { hiddenDelayMs: 5 })
    await settled()
    await pass(500)
    expect(await leaving).toMatchObject({ ok: true })
    await pass(500)
    expect(await attaching).toMatchObject({ ok: true })
    await world.accept()
    expect(other.status).toBe('connected')
  })
})
