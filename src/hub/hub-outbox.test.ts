import { describe, expect, it } from 'vitest'
import type { Store } from '../core/ports.ts'
import { DEFAULT_OUTBOX } from '../core/settings.ts'
import { id, message, place } from '../core/testing/frames.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { DEFAULT_LIMITS } from '../protocol/limits.ts'
import type { Outcome, ServerMessage } from '../protocol/messages.ts'
import type { Hub } from './hub.ts'
import { numbersSent as sent, perTest, say, settled, subOf, type TestTab, type TestWorld, twoTabs } from './test-hub.ts'
import { forgetAll } from './testing/forget-all.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const queued = { ok: true, value: [{ queued: true }] }
const fail = (code: HoldfastError['code']): Promise<never> => Promise.reject(new HoldfastError(code, 'on purpose'))
const ack = (hi: number, stable: number, name: string, ...outcomes: Outcome[]): ServerMessage => ({
  type: 'ack',
  hi,
  stable,
  id: id(name),
  outcomes,
})

describe('messages of tabs', () => {
  it('[HU10] tells fates to the sender only', async () => {
    const { one, two, socket } = await twoTabs(world)
    expect(await one.hub.send([message('a')])).toEqual(queued)
    await say(socket, ack(1, 1, 'a', { n: 1, reply: 7 }))
    expect(one.fates).toEqual([
      { id: id('a'), fate: 'sent' },
      { id: id('a'), fate: 'applied', replyJson: '7' },
    ])
    expect(two.fates).toEqual([])
  })

  it('[HU10] queues a message that comes again once, and answers from its fate later', async () => {
    const { one, two, socket } = await twoTabs(world)
    expect(await one.hub.send([message('a')])).toEqual(queued)
    expect(await two.hub.send([message('a'), message('b')])).toEqual({ ok: true, value: [{ queued: true }, { queued: true }] })
    expect(sent(socket)).toEqual([
      [1, id('a')],
      [2, id('b')],
    ])
    await say(socket, ack(2, 2, 'b'))
    expect(await one.hub.send([message('a')])).toEqual({ ok: true, value: [{ ended: { id: id('a'), fate: 'applied' } }] })
    expect(sent(socket)).toHaveLength(2)
  })

  it('[HU10] tells a tab that attaches again what ended meanwhile', async () => {
    const hub = world.hub()
    const [tab, two] = [world.tab(hub), world.tab(hub)]
    await tab.attach()
    await two.attach()
    const socket = await world.accept()
    await tab.hub.send([message('a'), message('b')])
    await tab.hub.signal('suspended')
    await say(socket, ack(1, 1, 'a'), ack(2, 1, 'a'))
    tab.batches.length = 0
    await tab.attachAgain(hub, { unsettled: [id('a'), id('b')] })
    expect(tab.fates).toEqual([
      { id: id('a'), fate: 'applied' },
      { id: id('b'), fate: 'applied' },
    ])
    expect(two.fates).toEqual([])
  })

  it('[HU10] does not let a tab wait for ever for a message that nobody knows any more', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    const socket = await world.accept()
    await tab.hub.send([message('a'), message('b')])
    await tab.hub.signal('suspended')
    await say(socket, ack(1, 1, 'a'))
    forgetAll(world.disk)
    tab.batches.length = 0
    await tab.attachAgain(hub, { unsettled: [id('a'), id('b')] })
    expect(tab.fates).toMatchObject([{ id: id('a'), fate: 'rejected', reason: 'may-repeat' }])
    await say(socket, ack(2, 2, 'b'))
    expect(tab.fates.at(-1)).toEqual({ id: id('b'), fate: 'applied' })
  })

  it('[I5] refuses what the outbox cannot take, and nothing of it is sent', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach({}, { outbox: { ...DEFAULT_OUTBOX, maxMessages: 1 } })
    const socket = await world.accept()
    expect(await tab.hub.send([message('a'), message('b')])).toMatchObject({ ok: false, error: { code: 'outbox-full' } })
    expect(sent(socket)).toEqual([])
    expect(await tab.hub.send([message('c')])).toEqual(queued)
    expect(sent(socket)).toEqual([[1, id('c')]])
  })

  it('[HU10] tells the fate of a message that is tried again to who tried', async () => {
    const { one, two, socket } = await twoTabs(world)
    await one.hub.send([message('a')])
    await say(socket, ack(1, 1, 'a', { n: 1, rejected: 'rejected', message: 'too long' }))
    expect(one.fates.at(-1)).toEqual({ id: id('a'), fate: 'rejected', reason: 'rejected', message: 'too long' })
    expect(await two.hub.retry(id('a'), id('b'))).toEqual(queued)
    await say(socket, ack(2, 2, 'b'))
    expect(two.fates.at(-1)).toEqual({ id: id('b'), fate: 'applied' })
    expect(await two.hub.retry(id('a'), id('c'))).toMatchObject({ ok: true, value: [{ error: { code: 'not-found' } }] })
    expect(await two.hub.discard(id('a'))).toMatchObject({ ok: false, error: { code: 'not-found' } })
  })

  it('[HU10] cancels what has not left', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    await tab.hub.send([message('a'), message('b')])
    expect(await tab.hub.cancel(id('a'))).toEqual({ ok: true, value: null })
    await settled()
    expect(tab.fates).toEqual([{ id: id('a'), fate: 'cancelled' }])
    const socket = await world.accept()
    expect(sent(socket)).toEqual([[2, id('b')]])
    expect(await tab.hub.cancel(id('b'))).toMatchObject({ ok: false, error: { code: 'already-sent' } })
  })

  it('[P18] [I39] says that a volatile message was dropped when it was', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    const socket = await world.accept({ limits: { ...DEFAULT_LIMITS, framesPerSecond: 2 } })
    expect(await tab.hub.sendVolatile([message('a')])).toEqual({ ok: true, value: null })
    expect(await tab.hub.sendVolatile([message('b')])).toMatchObject({ ok: false, error: { code: 'dropped' } })
    expect(socket.received.filter(({ type }) => type === 'volatile')).toHaveLength(1)
  })

  it('[P18] sends a volatile message at once or says that there is no connection', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    expect(await tab.hub.sendVolatile([message('a')])).toMatchObject({ ok: false, error: { code: 'not-connected' } })
    const socket = await world.accept()
    expect(await tab.hub.sendVolatile([message('b')])).toEqual({ ok: true, value: null })
    expect(socket.received.at(-1)).toEqual({ type: 'volatile', messages: [{ id: id('b'), channel: 'agents', data: 'b' }] })
  })
})

describe('the storage of a hub', () => {
  it('[HU15] goes on in memory when the store cannot be opened, tells the error and says so in the state', async () => {
    world.alter = (store): Store => ({ ...store, open: () => fail('storage-failed') })
    const tab = world.tab(world.hub())
    await tab.attach()
    const socket = await world.accept()
    expect(tab.errors).toEqual(['storage-failed'])
    expect(tab.status).toBe('connected')
    expect(tab.durable).toBe(false)
    expect(await tab.hub.send([message('a')])).toEqual(queued)
    expect(sent(socket)).toEqual([[1, id('a')]])
  })

  it('[HU15] [DS5] [I32] goes on in memory when a hub that hangs keeps the database for itself', async () => {
    world.alter = (store): Store => ({ ...store, open: () => new Promise(() => {}) })
    const tab = world.tab(world.hub())
    await tab.attach()
    world.clock.advance(14_999)
    await settled()
    expect([tab.errors, tab.durable]).toEqual([[], undefined])
    world.clock.advance(1)
    await world.accept()
    expect([tab.errors, tab.status, tab.durable]).toEqual([['storage-failed'], 'connected', false])
  })

  it('[HU10] [I32] asks the store again what became of messages a tab waits for, when it could not say', async () => {
    let isFailing = false
    world.alter = (store) => ({ ...store, fatesOf: (ids) => (isFailing ? Promise.reject(new Error('disk')) : store.fatesOf(ids)) })
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    const socket = await world.accept()
    await tab.hub.send([message('a')])
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    isFailing = true
    await tab.attachAgain(hub, { unsettled: [id('a')] })
    const before = tab.fates.length
    for (let times = 0; times < 3; times++) {
      world.clock.advance(1_000)
      await settled()
    }
    expect(tab.errors).toEqual(['hub-failed'])
    isFailing = false
    world.clock.advance(1_000)
    await settled()
    expect(tab.fates.slice(before)).toMatchObject([{ id: id('a'), fate: 'applied' }])
  })

  it.each<[string, (tab: TestTab, hub: Hub) => Promise<void>]>([
    ['the tab is gone', (tab) => tab.die()],
    [
      'other settings were adopted',
      async (tab, hub) => {
        await tab.hub.signal('suspended')
        expect(await world.tab(hub).attach({}, { hiddenDelayMs: 5 })).toMatchObject({ ok: true })
      },
    ],
  ])('[HU10] [I24] does not ask a store that cannot say for ever: %s', async (_, end) => {
    let asked = 0
    world.alter = (store) => ({ ...store, fatesOf: () => (asked++, fail('storage-failed')) })
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach({ unsettled: [id('a')] })
    await world.accept()
    expect(asked).toBe(1)
    await end(tab, hub)
    for (let times = 0; times < 3; times++) {
      world.clock.advance(1_000)
      await settled()
    }
    expect(asked).toBe(1)
  })

  it('[HU10] [HU15] [I32] asks the next store what became of messages a tab waits for, when the first one is lost', async () => {
    let stores = 0
    world.alter = (store) => (++stores === 1 ? { ...store, fatesOf: () => fail('storage-failed') } : store)
    const tab = world.tab(world.hub())
    await tab.attach({ unsettled: [id('a')] })
    await world.accept()
    world.loseStorage('deleted')
    await world.accept()
    world.clock.advance(1_000)
    await settled()
    expect(tab.fates).toMatchObject([{ id: id('a'), fate: 'rejected', reason: 'may-repeat' }])
  })

  it('[HU15] tells that stored data was set aside', async () => {
    world.alter = (store): Store => ({ ...store, open: async () => ({ ...(await store.open()), corrupt: true }) })
    const tab = world.tab(world.hub())
    await tab.attach()
    await world.accept()
    expect(tab.errors).toEqual(['storage-corrupt'])
    expect(tab.durable).toBe(true)
  })

  it('[I5] does not call a message queued that could not be stored', async () => {
    world.alter = (store): Store => ({ ...store, append: () => fail('storage-full') })
    const tab = world.tab(world.hub())
    await tab.attach()
    const socket = await world.accept()
    expect(await tab.hub.send([message('a')])).toMatchObject({ ok: false, error: { code: 'storage-full' } })
    expect(sent(socket)).toEqual([])
  })

  it('[HU15] opens another store when one is lost, and tabs keep their places and what they are owed', async () => {
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    await one.attach({ channels: [{ channel: 'agents', position: place(3) }] })
    await two.attach({ channels: [{ channel: 'agents', position: place(3) }] })
    const socket = await world.accept()
    two.freeze()
    await say(socket, { type: 'subscribed', sub: 2, head: place(3), verdict: 'recovered', missed: 0 })
    // The frozen tab is reset, and cannot be told yet.
    await say(socket, { type: 'reset', sub: 2, reason: 'epoch' })
    world.disk.stored = null
    world.disk.channels.clear()
    world.loseStorage('deleted')
    const next = await world.accept()
    expect(socket.closedWith).toBe(1000)
    expect(one.errors).toEqual(['storage-failed'])
    await say(next, { type: 'subscribed', sub: subOf(next, 'agents'), head: place(9), verdict: 'snapshot', value: 'v9', follows: true })
    await two.thaw()
    for (const tab of [one, two]) {
      const heard = tab.heard('agents') as { reset?: object; value?: string }[]
      expect(heard.filter(({ reset }) => reset)).toHaveLength(1)
      expect(heard.at(-1)?.value).toBe('"v9"')
    }
    expect(await one.hub.send([message('a')])).toEqual(queued)
    expect(sent(next)).toEqual([[1, id('a')]])
  })

  it('[HU15] [I6] saves what had not left from a store that is lost, and tells of the rest that it may have been applied', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    const socket = await world.accept()
    await tab.hub.send([message('a')])
    socket.listener.closed(1006)
    await tab.hub.send([message('b')])
    world.disk.stored = null
    world.loseStorage('deleted')
    const sending = tab.hub.send([message('c')])
    const next = await world.accept()
    expect(await sending).toEqual(queued)
    expect(tab.fates.filter(({ fate }) => fate !== 'sent')).toMatchObject([{ id: id('a'), fate: 'rejected', reason: 'may-repeat' }])
    expect(sent(next)).toEqual([
      [1, id('b')],
      [2, id('c')],
    ])
    await say(next, ack(2, 2, 'c'))
    expect(tab.fates.at(-2)).toEqual({ id: id('b'), fate: 'applied' })
  })

  it('[HU15] [I6] tells the end of what was saved from a lost store and the next one does not take', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    await world.accept().then((socket) => socket.listener.closed(1006))
    await tab.hub.send([message('a')])
    world.alter = (store) => ({ ...store, append: () => fail('storage-full') })
    world.disk.stored = null
    world.loseStorage('deleted')
    await world.accept()
    expect(tab.errors).toContain('storage-full')
    expect(tab.fates).toMatchObject([{ id: id('a'), fate: 'rejected', reason: 'may-repeat' }])
  })

  it.each(['before', 'after'])(
    '[HU15] [I6] saves what a lost store had taken in, when it answers %s the next one is open',
    async (when) => {
      let answer = (): void => {}
      let open = (): void => {}
      let opening = Promise.resolve()
      let isSlow = true
      world.alter = (store): Store => ({
        ...store,
        open: async () => {
          await opening
          return store.open()
        },
        append: async (...args) => {
          const stored = await store.append(...args)
          if (isSlow) await new Promise<void>((resolve) => (answer = resolve))
          return stored
        },
      })
      const tab = world.tab(world.hub())
      await tab.attach()
      const socket = await world.accept()
      socket.listener.closed(1006)
      const sending = tab.hub.send([message('a')])
      await settled()
      isSlow = false
      opening = new Promise<void>((resolve) => (open = resolve))
      world.disk.stored = null
      world.loseStorage('deleted')
      for (const happen of when === 'before' ? [answer, open] : [open, answer]) {
        happen()
        await settled()
      }
      expect(await sending).toEqual(queued)
      const next = await world.accept()
      expect(sent(next)).toEqual([[1, id('a')]])
      await say(next, ack(1, 1, 'a'))
      expect(tab.fates.at(-1)).toEqual({ id: id('a'), fate: 'applied' })
    },
  )
})
