import { describe, expect, it } from 'vitest'
import { holdLock, whenFree } from '../bridge/liveness.ts'
import { ownerLockName } from '../bridge/lock-names.ts'
import type { Store } from '../core/ports.ts'
import { DEFAULT_OUTBOX } from '../core/settings.ts'
import { id, message, place } from '../core/testing/frames.ts'
import { CLOSE } from '../protocol/close-codes.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import { numbersSent as sent, perTest, newcomer, say, settled, subOf, type TestWorld, twoTabs } from './test-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const queued = { ok: true, value: [{ queued: true }] }
const ack = (hi: number, name: string): ServerMessage => ({ type: 'ack', hi, stable: hi, id: id(name), outcomes: [] })

describe('a hub and its tabs', () => {
  it('[HU12] touches neither store nor socket while another hub has the owner lock, and tells no state', async () => {
    const other = await holdLock(world.locks, ownerLockName(id('scope')))
    const tab = world.tab(world.hub())
    expect(await tab.attach()).toMatchObject({ ok: true })
    const sending = tab.hub.send([message('a')])
    await settled()
    expect(tab.batches).toEqual([])
    expect(world.disk.lease).toBe(0)
    expect(world.sockets.all).toEqual([])
    expect(await tab.hub.ping()).toMatchObject({ ok: true })
    other.release()
    expect(await sending).toEqual(queued)
    const socket = await world.accept()
    expect(sent(socket)).toEqual([[1, id('a')]])
    expect(tab.status).toBe('connected')
  })

  it('[EL9] says how many batches it has handed a tab since it attached', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    await world.accept()
    expect(tab.batches.length).toBeGreaterThan(1)
    expect(await tab.hub.ping()).toMatchObject({ ok: true, value: { handed: tab.batches.length } })
    tab.batches.length = 0
    await tab.attach({ attempt: 2 })
    await settled()
    expect(tab.batches.length).toBeGreaterThan(0)
    expect(await tab.hub.ping()).toMatchObject({ ok: true, value: { handed: tab.batches.length } })
  })

  it('[HU12] [HU16] forgets a tab that left before the owner lock was had', async () => {
    const other = await holdLock(world.locks, ownerLockName(id('scope')))
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    await one.attach({ channels: [newcomer('agents')], unsettled: [id('a')] })
    await two.attach({ channels: [newcomer('news'), newcomer('gone')] })
    await two.hub.unsubscribe(['gone'])
    await one.hub.detach()
    other.release()
    const socket = await world.accept()
    expect(socket.received[0]?.['subscriptions']).toMatchObject([{ channel: 'news' }])
    expect(one.fates).toEqual([])
  })

  it('[HU13] refuses a tab with other settings and names the setting', async () => {
    const hub = world.hub()
    const [one, tab] = [world.tab(hub), world.tab(hub)]
    await one.attach()
    const attaching = tab.attach({}, { outbox: { ...DEFAULT_OUTBOX, maxMessages: 5 } })
    await settled()
    world.clock.advance(1_000)
    const answer = await attaching
    expect(answer).toMatchObject({ ok: false, error: { code: 'options-disagree', message: expect.stringContaining('outbox') as string } })
    expect(await tab.hub.send([message('a')])).toMatchObject({ ok: false, error: { code: 'closed' } })
    expect(one.errors).toEqual([])
  })

  it('[HU13] adopts new settings when the only tab was reloaded with them', async () => {
    const hub = world.hub()
    const old = world.tab(hub)
    await old.attach()
    const first = await world.accept()
    await old.hub.send([message('a')])
    const reloaded = world.tab(hub)
    const attaching = reloaded.attach({}, { hiddenDelayMs: 5 })
    await settled()
    await old.hub.detach()
    world.clock.advance(1_000)
    expect(await attaching).toMatchObject({ ok: true })
    await settled()
    expect(world.sockets.all).toHaveLength(2)
    expect(world.sockets.last()).not.toBe(first)
    expect(first.closedWith).not.toBeNull()
    await world.accept()
    expect(reloaded.status).toBe('connected')
    expect(reloaded.pending).toBe(1)
  })

  it('[HU12] a new hub tells nothing of state and outbox before it has read what is stored', async () => {
    const first = world.hub()
    const sender = world.tab(first)
    await sender.attach()
    await sender.hub.send([message('a'), message('b')])
    world.locks.take(ownerLockName(id('scope')))
    const tab = world.tab(world.hub())
    await tab.attach({ watchesOutbox: true })
    expect(tab.batches.flatMap(({ state }) => state?.pending ?? [])).toEqual([2])
    expect(tab.batches.flatMap(({ outbox }) => outbox?.pendingCount ?? [])).toEqual([2])
    expect(tab.durable).toBe(true)
  })

  it('[I32] [DS5] a hub that hears nothing gives socket and outbox to the next one after five seconds, and its tabs leave it', async () => {
    const first = world.hub(0, { deaf: true })
    const [one, two] = [world.tab(first), world.tab(first)]
    const answer = await one.attach()
    const lock = answer.ok ? answer.value.lock : ''
    await two.attach()
    const socket = await world.accept()
    let left = false
    void whenFree(world.locks, lock, new AbortController().signal).then(() => (left = true))
    await one.hub.send([message('a')])
    const next = world.hub(1)
    one.open(next)
    expect(await one.attach()).toMatchObject({ ok: true })
    await settled()
    expect(world.sockets.all).toHaveLength(1)
    expect(left).toBe(false)
    world.clock.advance(5_000)
    await settled()
    expect(left).toBe(true)
    expect(socket.closedWith).not.toBeNull()
    await world.accept()
    expect(world.sockets.all).toHaveLength(2)
    expect(one.status).toBe('connected')
    expect(sent(world.sockets.last())).toEqual([[1, id('a')]])
    // The tab that stayed behind is let go, and finds the newer hub by its lock.
    const ping = two.hub.ping()
    await settled()
    world.clock.advance(10_000)
    expect(await ping).toMatchObject({ ok: false })
    const held = await world.locks.query()
    expect(held.held?.filter(({ name }) => name?.includes(':hub:')).map(({ name }) => name?.split(':')[3])).toEqual(['1'])
  })

  it('[TB4] refuses a tab of another build', async () => {
    expect(await world.tab(world.hub()).attach({ bridge: 99 })).toMatchObject({ ok: false, error: { code: 'version' } })
  })

  it('[HU14] asks the next tab for a credential when the first gives none', async () => {
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    one.credential = () => Promise.resolve({ ok: false, error: { code: 'unauthenticated', message: '' } })
    two.credential = () => Promise.resolve({ ok: true, value: 'from-two' })
    // Held until both are there.
    const other = await holdLock(world.locks, ownerLockName(id('scope')))
    await one.attach()
    await two.attach()
    other.release()
    const socket = await world.accept()
    expect(socket.received[0]).toMatchObject({ type: 'hello', credential: 'from-two' })
  })

  it('[TB37] [HU14] asks a tab as soon as it says that it can be asked, and not any more when it says that it cannot', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    tab.credential = () => Promise.resolve({ ok: true, value: 'given' })
    await tab.attach({ canAuthenticate: false })
    await settled()
    world.sockets.last().listener.opened()
    world.sockets.last().listener.closed(CLOSE.unauthenticated.code)
    await settled()
    expect(tab.status).toBe('refused')
    await tab.hub.signal('has-token')
    const second = await world.accept()
    expect(second.received[0]).toMatchObject({ credential: 'given' })
    await tab.hub.signal('no-token')
    second.listener.closed(1006)
    await settled()
    world.clock.advance(5_000)
    expect((await world.accept()).received[0]).toMatchObject({ credential: null })
  })

  it('[HU12] [I4] [I32] lets go of its tabs and of the owner lock when another hub has taken its store over', async () => {
    const hub = world.hub()
    const one = world.tab(hub)
    await one.attach()
    const first = await world.accept()
    world.disk.lease++
    void one.hub.send([message('a')])
    await settled()
    expect(first.closedWith).not.toBeNull()
    expect(await world.tab(hub).attach()).toMatchObject({ ok: false, error: { code: 'closed' } })
    expect((await world.locks.query()).held?.filter(({ name }) => !name?.includes(':tab:'))).toEqual([])
    const next = world.tab(world.hub(1))
    await next.attach()
    await world.accept()
    expect(await next.hub.send([message('a')])).toEqual(queued)
  })

  it('[HU12] [HU15] [I32] stays when a call of a store that it has lost comes too late', async () => {
    const stores: Store[] = []
    world.alter = (store) => (stores.push(store), store)
    const tab = world.tab(world.hub())
    await tab.attach()
    await world.accept()
    world.loseStorage('deleted')
    await world.accept()
    expect(stores).toHaveLength(2)
    await expect(stores[0]?.saveCache([])).rejects.toMatchObject({ code: 'storage-failed' })
    await settled()
    expect(await tab.hub.send([message('a')])).toEqual(queued)
  })

  it('[HU16] lets a tab go whose lock is free', async () => {
    const { one, two, socket } = await twoTabs(world)
    await one.hub.subscribe([newcomer('agents')])
    await one.die()
    expect(socket.received.filter(({ type }) => type === 'unsubscribe')).toHaveLength(1)
    const before = one.batches.length
    socket.listener.closed(1006)
    await settled()
    expect(one.batches).toHaveLength(before)
    expect(two.status).toBe('waiting')
  })

  it('[HU16] a tab that attaches by another port leaves nothing behind at the old one', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach({ channels: [newcomer('agents')] })
    const socket = await world.accept()
    // The old port is silent, as a closed one is: nothing tells the hub.
    tab.open(hub)
    await tab.attach({ channels: [] })
    expect(socket.received.filter(({ type }) => type === 'unsubscribe')).toHaveLength(1)
    const before = tab.batches.length
    socket.listener.closed(1006)
    await settled()
    expect(tab.batches).toHaveLength(before + 1)
  })

  it('[HU16] [I32] an attach that was overtaken by the next one does not end it', async () => {
    const hub = world.hub()
    const [early, late] = [world.tab(hub, 'page'), world.tab(hub, 'page')]
    await late.attach({ attempt: 2, channels: [newcomer('agents')] })
    expect(await early.attach({ attempt: 1 })).toMatchObject({ ok: false, error: { code: 'closed' } })
    const socket = await world.accept()
    await say(socket, {
      type: 'subscribed',
      sub: subOf(socket, 'agents'),
      head: place(1),
      verdict: 'snapshot',
      value: ['x'],
      follows: true,
    })
    expect(late.heard('agents')).toMatchObject([{ value: '["x"]' }])
  })

  it('[HU16] a tab may attach again by the same port', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach({ channels: [newcomer('agents')] })
    const socket = await world.accept()
    expect(await tab.attach({ channels: [newcomer('news')] })).toMatchObject({ ok: true })
    expect(socket.received.map(({ type }) => type)).toEqual(['hello', 'unsubscribe', 'subscribe'])
    expect(await tab.hub.send([message('a')])).toEqual(queued)
  })

  it('[HU17] shows the outbox to who watches it, and only when it is another', async () => {
    const { one, two, socket } = await twoTabs(world)
    await one.hub.signal('watch-outbox')
    await two.hub.subscribe([newcomer('agents')])
    const shown = () => one.batches.filter(({ outbox }) => outbox).map(({ outbox }) => outbox?.pendingCount)
    await settled()
    const before = shown().length
    await say(socket, { type: 'subscribed', sub: 1, head: place(1), verdict: 'start', follows: true })
    expect(shown()).toHaveLength(before)
    await two.hub.send([message('a')])
    await say(socket, ack(1, 'a'))
    expect(shown().slice(before)).toEqual([1, 0])
    expect(two.batches.some(({ outbox }) => outbox)).toBe(false)
  })

  it('[HU17] shows an expired message as parked at once', async () => {
    const tab = world.tab(world.hub())
    await tab.attach({ watchesOutbox: true })
    await tab.hub.send([message('old')])
    world.clock.stall(DEFAULT_OUTBOX.maxAgeMs)
    world.clock.advance(60_000)
    await settled()
    expect(tab.batches.findLast(({ outbox }) => outbox)?.outbox).toMatchObject({ pendingCount: 0, parkedCount: 1 })
  })
})
