import { describe, expect, it } from 'vitest'
import type { AppNotice } from '../core/notices.ts'
import type { Store } from '../core/ports.ts'
import { CLIENT, id, message } from '../core/testing/frames.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Hub } from './hub.ts'
import { perTest, say, settled, type TestTab, type TestWorld, twoTabs } from './test-hub.ts'
import { buryHub } from './testing/bury-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const noticesOf = (tab: TestTab): readonly AppNotice[] => tab.batches.flatMap(({ notices = [] }) => notices)
const eventsOf = (tab: TestTab): unknown[] => noticesOf(tab).map(({ event }) => event)
const fail = (): Promise<never> => Promise.reject(new HoldfastError('storage-failed', 'on purpose'))

/** The worker dies with its locks, and another is started. */
async function nextHub(): Promise<Hub> {
  const next = world.hub()
  for (const { name = '' } of (await world.locks.query()).held ?? []) world.locks.take(name)
  await settled()
  return next
}

/** Two messages are acknowledged, one is not; then the server forgets everything and is asked about the one. */
async function serverForgets(tab: TestTab): Promise<void> {
  const socket = await world.accept()
  await tab.hub.send([message('one'), message('two')])
  await say(socket, { type: 'ack', hi: 2, stable: 2, id: id('two'), outcomes: [] })
  await tab.hub.send([message('doubtful')])
  await settled()
  socket.listener.closed(1006)
  world.clock.advance(1_000)
  await world.accept({ ledger: id('other') })
}

/** A tab that has queued a message while the hub has no socket. */
async function queuedOffline(): Promise<TestTab> {
  const tab = world.tab(world.hub())
  await tab.attach()
  const socket = await world.accept()
  socket.listener.closed(1006)
  await tab.hub.send([message('a')])
  return tab
}

/** The storage is taken away, and the hub lets go while the next one opens. Gives how that ends. */
async function letGoWhileOpening(opened: (store: Store) => ReturnType<Store['open']> = (store) => store.open()): Promise<() => void> {
  let open = (): void => {}
  const { alter } = world
  world.alter = (store): Store => ({ ...store, open: async () => (await new Promise<void>((resolve) => (open = resolve)), opened(store)) })
  world.disk.stored = null
  world.loseStorage('cleared')
  await settled()
  await buryHub(world.locks)
  await settled()
  world.alter = alter
  return open
}

const mayBeLost = [id('one'), id('two')]

describe('[I38] what the app must be told', () => {
  it('[HU19] is handed to every tab, those that come later too, until one says that it was heard', async () => {
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    for (const tab of [one, two]) await tab.attach({ visible: tab === one })
    const socket = await world.accept()
    await say(socket, { type: 'conflict', n: 1 })
    const [restart] = noticesOf(one)
    expect(restart?.event).toMatchObject({ atMs: world.clock.steadyMs(), reason: 'conflict', mayRepeat: [], mayBeLost: [] })
    expect(noticesOf(two)).toEqual([])
    const third = world.tab(hub)
    await third.attach()
    expect(noticesOf(third)).toEqual([restart])
    expect(await one.hub.heard([restart?.id ?? ''])).toEqual({ ok: true, value: null })
    // Heard in another tab: it is owed to this one all the same.
    world.clock.advance(1_000)
    await settled()
    expect(noticesOf(two)).toEqual([restart])
    expect(world.disk.stored?.notices).toEqual([])
    const late = world.tab(hub)
    await late.attach()
    expect(noticesOf(late)).toEqual([])
  })

  it('[HU19] is handed over anew to a tab that attaches again, and once by each attach', async () => {
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    await say(await world.accept(), { type: 'conflict', n: 1 })
    await world.accept()
    const told = noticesOf(tab)
    expect(told).toHaveLength(1)
    await tab.attachAgain(hub)
    expect(noticesOf(tab)).toEqual([...told, ...told])
    await tab.hub.heard(told.map((notice) => notice.id))
    await tab.attachAgain(hub)
    expect(noticesOf(tab)).toHaveLength(2)
  })

  it('[HU19] [OB25] survives a hub that dies before the server was asked, with all that is known', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    await serverForgets(tab)
    expect(noticesOf(tab)).toEqual([])
    const next = await nextHub()
    const other = world.tab(next)
    await other.attach()
    const atMs = world.clock.steadyMs()
    world.clock.advance(5_000)
    const socket = await world.accept({ ledger: id('other') })
    const question = socket.received.findLast(({ type }) => type === 'recall')
    await say(socket, { type: 'recalled', client: String(question?.['client']), fates: [] })
    expect(eventsOf(other)).toEqual([{ atMs, reason: 'ledger', mayRepeat: [id('doubtful')], mayBeLost, older: 0 }])
    expect(CLIENT).not.toBe(question?.['client'])
  })

  it.each(['hub', 'tab'])(
    '[HU19] survives a %s that dies before a hidden tab had it, when the outbox says nothing of it any more',
    async (what) => {
      const hub = world.hub()
      const tab = world.tab(hub)
      await tab.attach({ visible: false })
      await serverForgets(tab)
      const socket = await world.accept({ ledger: id('other') })
      const question = socket.received.findLast(({ type }) => type === 'recall')
      // The doubtful message leaves at once, marked, and is settled.
      await say(socket, { type: 'recalled', client: String(question?.['client']), fates: [] })
      await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('doubtful'), outcomes: [] })
      expect([noticesOf(tab), world.disk.stored?.outbox.entries]).toEqual([[], []])
      if (what === 'tab') await tab.die()
      const later = world.tab(what === 'tab' ? hub : await nextHub())
      await later.attach()
      expect(eventsOf(later)).toMatchObject([{ reason: 'ledger', mayRepeat: [id('doubtful')], mayBeLost }])
    },
  )

  it('[HU19] what nobody could store as heard is handed over again', async () => {
    let works = false
    world.alter = (store): Store => ({ ...store, heard: (ids) => (works ? store.heard(ids) : fail()) })
    const hub = world.hub()
    const tab = world.tab(hub)
    await tab.attach()
    await say(await world.accept(), { type: 'conflict', n: 1 })
    await world.accept()
    const [restart] = noticesOf(tab)
    expect(await tab.hub.heard([restart?.id ?? ''])).toMatchObject({ ok: false, error: { code: 'storage-failed' } })
    works = true
    await tab.attachAgain(hub)
    expect(noticesOf(tab)).toEqual([restart, restart])
    await tab.hub.heard([restart?.id ?? ''])
    expect(world.disk.stored?.notices).toEqual([])
  })

  it('[HU20] [SO11] of a lost storage is noted in the new one before anything is queued there, and told by the next hub too', async () => {
    const tab = world.tab(world.hub())
    await tab.attach({ visible: false })
    const socket = await world.accept()
    await tab.hub.send([message('sent')])
    socket.listener.closed(1006)
    await tab.hub.send([message('waits')])
    const calls: string[] = []
    world.alter = (store): Store => ({
      ...store,
      note: (notices) => (calls.push('note'), store.note(notices)),
      append: (...args) => (calls.push('append'), store.append(...args)),
    })
    world.disk.stored = null
    world.loseStorage('cleared')
    await settled()
    expect(calls.slice(0, 2)).toEqual(['note', 'append'])
    const event = { atMs: world.clock.steadyMs(), reason: 'cleared', requeued: 1, mayRepeat: [id('sent')], older: 0 }
    expect([noticesOf(tab), world.disk.stored]).toMatchObject([[], { notices: [{ kind: 'storage-lost', event }] }])
    world.clock.advance(100_000)
    const later = world.tab(await nextHub())
    await later.attach()
    expect(eventsOf(later)).toEqual([event])
  })

  it('[HU20] of a lost storage says what the new one did not take', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    const socket = await world.accept()
    socket.listener.closed(1006)
    await tab.hub.send([message('a'), message('b')])
    let refuse = (): void => {}
    world.alter = (store): Store => ({
      ...store,
      append: () => new Promise((_, reject) => (refuse = () => reject(new HoldfastError('storage-full', 'on purpose')))),
    })
    world.disk.stored = null
    world.loseStorage('cleared')
    await settled()
    // Until the new store has answered, nothing is noted as queued again: a hub that dies now would have told it of
    // lost messages.
    const unknown = { requeued: 0, mayRepeat: [id('a'), id('b')] }
    expect([noticesOf(tab), world.disk.stored]).toMatchObject([[], { notices: [{ event: unknown }], outbox: { entries: [] } }])
    refuse()
    await settled()
    const event = { atMs: world.clock.steadyMs(), reason: 'cleared', requeued: 0, mayRepeat: [id('a'), id('b')], older: 0 }
    expect([eventsOf(tab), world.disk.stored]).toMatchObject([[event], { notices: [{ event }] }])
  })

  it('[HU20] of a lost storage is noted by a hub that lets go while the new one opens', async () => {
    await queuedOffline()
    const open = await letGoWhileOpening()
    open()
    await settled()
    const event = { atMs: world.clock.steadyMs(), reason: 'cleared', requeued: 0, mayRepeat: [id('a')], older: 0 }
    expect(world.disk.stored).toMatchObject({ notices: [{ kind: 'storage-lost', event }], outbox: { entries: [] } })
  })

  it('[HU20] [ST5] that a hub left in a store which had another owner by then is told at once: the owner lets go for one that reads it', async () => {
    await queuedOffline()
    const open = await letGoWhileOpening()
    const owner = world.tab(world.hub(1))
    await owner.attach()
    await settled()
    expect(await owner.hub.ping()).toMatchObject({ ok: true })
    open()
    await settled()
    expect(await Promise.race([owner.hub.ping(), settled().then(() => 'silent')])).toBe('silent')
    const later = world.tab(await nextHub())
    await later.attach()
    expect(eventsOf(later)).toMatchObject([{ reason: 'cleared', mayRepeat: [id('a')] }])
  })

  it('[HU20] [ST5] a hub that let go, and whose next store is memory, has taken no lease: the owner stays', async () => {
    await queuedOffline()
    const open = await letGoWhileOpening(fail)
    const owner = world.tab(world.hub(1))
    await owner.attach()
    open()
    await settled()
    expect(await owner.hub.ping()).toMatchObject({ ok: true })
  })

  it('[HU20] what the app had not heard when a storage was lost goes on in the new one, a restart without its answers too', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    await serverForgets(tab)
    for (const why of ['first', 'second']) {
      world.disk.stored = null
      world.loseStorage(why)
      await settled()
    }
    const expected = [
      { reason: 'ledger', mayRepeat: [], mayBeLost },
      { reason: 'first', mayRepeat: [id('doubtful')], requeued: 0 },
      { reason: 'second', mayRepeat: [], requeued: 0 },
    ]
    expect(world.disk.stored?.notices.map(({ event }) => event)).toMatchObject(expected)
    const heard = new Map(noticesOf(tab).map((notice) => [notice.id, notice.event]))
    expect([...heard.values()]).toMatchObject(expected)
    await tab.hub.heard([...heard.keys()])
    expect(world.disk.stored?.notices).toEqual([])
  })

  it('[HU20] [OB26] of a storage after which none can be written is told from memory', async () => {
    const { one, two } = await twoTabs(world)
    world.alter = (store): Store => ({ ...store, note: fail })
    world.disk.stored = null
    world.loseStorage('cleared')
    await settled()
    for (const tab of [one, two]) {
      expect(eventsOf(tab)).toMatchObject([{ reason: 'cleared', requeued: 0 }])
      expect(tab.errors).toContain('storage-failed')
    }
  })

  it('[HU15] [ST13] of stored data that was set aside is told until it was heard', async () => {
    const event = { atMs: 1, reason: 'storage-corrupt', mayRepeat: [], mayBeLost: [], older: 0 } as const
    world.alter = (store): Store => ({
      ...store,
      open: async () => ({ ...(await store.open()), corrupt: true, notices: [{ id: id('found'), kind: 'outbox-restarted', event }] }),
    })
    const tab = world.tab(world.hub())
    await tab.attach()
    await world.accept()
    expect(eventsOf(tab)).toEqual([event])
  })
})
