import { describe, expect, it } from 'vitest'
import type { Store } from '../core/ports.ts'
import { id, message } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { perTest, say, settled, twoTabs, type TestTab, type TestWorld } from './test-hub.ts'
import { buryHub } from './testing/bury-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const queued = { ok: true, value: [{ queued: true }] }
const full = (): Promise<never> => Promise.reject(new HoldfastError('storage-full', 'on purpose'))

const letter = (name: string): object => ({ ...message(name), fate: 'rejected', reason: 'too long' })
const shown = (tab: TestTab): unknown => tab.batches.findLast(({ outbox }) => outbox)?.outbox
const lossOf = (tab: TestTab): unknown[] => tab.batches.flatMap(({ notices = [] }) => notices.map(({ event }) => event))

/** Two tabs, of which the first watches the outbox, and two messages that were rejected. */
async function withLetters(): Promise<{ one: TestTab; socket: SocketDouble }> {
  const { one, socket } = await twoTabs(world)
  await one.hub.signal('watch-outbox')
  await one.hub.send([message('a'), message('b')])
  const outcomes = [1, 2].map((n) => ({ n, rejected: 'rejected', message: 'too long' }) as const)
  await say(socket, { type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes })
  expect(shown(one)).toMatchObject({ parked: [letter('a'), letter('b')] })
  return { one, socket }
}

function clear(): void {
  world.disk.stored = null
  world.loseStorage('cleared')
}

describe('what is parked when the storage is lost', () => {
  it('[HU20] [SO11] goes on in the new one, stored with the notice before anything is queued, with its age', async () => {
    const { one, socket } = await withLetters()
    socket.listener.closed(1006)
    await one.hub.send([message('waits')])
    const atMs = world.disk.stored?.parked.get(id('a'))?.atMs
    // The new store's time begins anew: the wall clock was moved under the old one.
    world.clock.jump(60_000)
    clear()
    await settled()
    expect([...(world.disk.stored?.parked.values() ?? [])]).toMatchObject([letter('a'), letter('b')])
    expect(shown(one)).toMatchObject({ pendingCount: 1, parkedCount: 2, parked: [letter('a'), letter('b')] })
    expect((world.disk.stored?.parked.get(id('a'))?.atMs ?? 0) - (atMs ?? 0)).toBe(60_000)
    expect(lossOf(one)).toMatchObject([{ requeued: 1, mayRepeat: [], older: 0 }])
    expect(lossOf(one)[0]).not.toHaveProperty('lost')
  })

  it('[HU20] [HU10] is tried again and discarded there as ever', async () => {
    const { one } = await withLetters()
    clear()
    // Asked before the new store is open.
    expect(await Promise.all([one.hub.retry(id('a'), id('c')), one.hub.discard(id('b'))])).toEqual([queued, { ok: true, value: null }])
    await settled()
    expect([...(world.disk.stored?.parked.keys() ?? [])]).toEqual([])
    expect(world.disk.stored?.outbox.entries).toMatchObject([{ id: id('c'), json: message('a').json }])
  })

  it('[HU20] [HU10] leaves it when it is known that it was queued again before', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let isHeld = false
    world.alter = (store): Store => ({
      ...store,
      append: async (...given) => {
        const answer = await store.append(...given)
        if (isHeld) await held
        return answer
      },
    })
    const { one } = await withLetters()
    world.alter = (store) => store
    isHeld = true
    const retried = one.hub.retry(id('a'), id('c'))
    await settled()
    clear()
    await settled()
    release()
    expect(await retried).toEqual(queued)
    await settled()
    expect([...(world.disk.stored?.parked.keys() ?? [])]).toEqual([id('b')])
    expect(shown(one)).toMatchObject({ parkedCount: 1 })
  })

  it('[HU20] is named as lost when the new one does not take it, and not listed any more', async () => {
    const { one } = await withLetters()
    world.alter = (store): Store => ({ ...store, note: (notices, parked = []) => (parked.length > 0 ? full() : store.note(notices)) })
    clear()
    await settled()
    const event = { reason: 'cleared', requeued: 0, mayRepeat: [], lost: [id('a'), id('b')], older: 0 }
    expect([lossOf(one), world.disk.stored]).toMatchObject([[event], { notices: [{ event }] }])
    expect(shown(one)).toMatchObject({ parkedCount: 0, parked: [] })
    expect(one.errors).toContain('storage-full')
    expect(await one.hub.discard(id('a'))).toMatchObject({ ok: false, error: { code: 'not-found' } })
  })

  it('[HU20] is named by a hub that dies before it is there', async () => {
    const { one } = await withLetters()
    world.alter = (store): Store => ({
      ...store,
      note: (notices, parked = []) => (parked.length > 0 ? new Promise(() => {}) : store.note(notices)),
    })
    clear()
    await settled()
    expect(lossOf(one)).toEqual([])
    expect(world.disk.stored?.notices).toMatchObject([{ event: { lost: [id('a'), id('b')] } }])
  })

  it.each([
    ['goes on in it', (store: Store): Store => store, [id('a'), id('b')], undefined],
    [
      'is named where that takes nothing more',
      (store: Store): Store => ({ ...store, note: (notices, parked = []) => (parked.length > 0 ? full() : store.note(notices)) }),
      [],
      [id('a'), id('b')],
    ],
  ])('[HU20] of a hub that lets go while the new one opens %s', async (_, alter, kept, lost) => {
    await withLetters()
    let open = (): void => {}
    world.alter = (store): Store => ({
      ...alter(store),
      open: async () => (await new Promise<void>((resolve) => (open = resolve)), store.open()),
    })
    clear()
    await settled()
    await buryHub(world.locks)
    await settled()
    open()
    await settled()
    expect([...(world.disk.stored?.parked.keys() ?? [])]).toEqual(kept)
    const events = world.disk.stored?.notices.map(({ event }) => ('lost' in event ? event.lost : undefined))
    expect(events).toEqual([lost])
  })

  it('[SO11] [I37] an ended message that is offered again afterwards is told that it may have been applied', async () => {
    const { one } = await withLetters()
    clear()
    await settled()
    expect(await one.hub.send([message('a')], true)).toMatchObject({ ok: true, value: [{ error: { code: 'may-repeat' } }] })
    expect(world.disk.stored?.outbox.entries).toEqual([])
  })
})
