import { describe, expect, it } from 'vitest'
import { id, message, restored } from '../core/testing/frames.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Outcome, ServerMessage } from '../protocol/messages.ts'
import { numbersSent, perTest, say, settled, twoTabs, type TestTab, type TestWorld } from './test-hub.ts'
import { forgetAll } from './testing/forget-all.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const queued = { ok: true, value: [{ queued: true }] }
const mayRepeat = { ok: true, value: [{ error: { code: 'may-repeat' } }] }
const ack = (hi: number, stable: number, name: string, ...outcomes: Outcome[]): ServerMessage => ({
  type: 'ack',
  hi,
  stable,
  id: id(name),
  outcomes,
})

/** Another hub takes over; a tab of it. */
async function nextHub(): Promise<TestTab> {
  const tab = world.tab(world.hub(1))
  await tab.attach()
  world.clock.advance(6_000)
  await settled()
  return tab
}

/** Sends more messages than are remembered in full, and lets ten minutes pass twice. */
async function live(tab: TestTab, socket: Awaited<ReturnType<TestWorld['accept']>>, from: number): Promise<void> {
  for (let n = from; n < from + 3; n++) {
    await tab.hub.send([message(`later-${n}`)])
    await say(socket, ack(n, n, `later-${n}`))
    world.clock.stall(1_200_000)
  }
}

describe('a message that is handed over again', () => {
  it('[I37] [ST16] [HU10] after eleven minutes in which its page was frozen is answered with its fate', async () => {
    const { one, two, socket } = await twoTabs(world)
    void one.hub.send([message('draft')])
    await settled()
    await say(socket, ack(1, 1, 'draft', { n: 1, reply: 'done' }))
    world.clock.jump(601_000)
    world.clock.stall(60_000)
    expect(await one.hub.send([message('draft')], true)).toEqual({
      ok: true,
      value: [{ ended: { id: id('draft'), fate: 'applied', replyJson: '"done"' } }],
    })
    await live(two, socket, 2)
    expect(await one.hub.send([message('draft')], true)).toEqual({
      ok: true,
      value: [{ ended: { id: id('draft'), fate: 'applied', replyLost: 'forgotten' } }],
    })
    expect(numbersSent(socket).filter((sent) => (sent as unknown[])[1] === id('draft'))).toHaveLength(1)
  })

  it('[I37] [ST16] [ST18] [I35] to the next hub, after the wall clock was moved, has no second effect', async () => {
    const { one, socket } = await twoTabs(world)
    void one.hub.send([message('m')])
    await settled()
    await say(socket, ack(1, 1, 'm'))
    world.clock.jump(3_600_000)
    const tab = await nextHub()
    const next = await world.accept(restored({ client: { hi: 1, id: id('m') } }) as never)
    expect(await tab.hub.send([message('m')], true)).toEqual({ ok: true, value: [{ ended: { id: id('m'), fate: 'applied' } }] })
    expect(numbersSent(next)).toEqual([])
  })

  it('[I37] [ST16] that was never stored is queued, however long ago that was', async () => {
    const { one, two, socket } = await twoTabs(world)
    world.firstHeard.set(id('lost'), world.taken())
    await live(two, socket, 1)
    expect(await one.hub.send([message('lost')], true)).toEqual(queued)
    expect(numbersSent(socket).at(-1)).toEqual([4, id('lost')])
  })

  it('[I37] [ST16] is told may-repeat, and not sent, when what was taken since is forgotten; what is newer is queued', async () => {
    const { one, two, socket } = await twoTabs(world)
    void one.hub.send([message('draft')])
    await settled()
    await say(socket, ack(1, 1, 'draft'))
    forgetAll(world.disk)
    expect(await one.hub.send([message('draft')], true)).toMatchObject(mayRepeat)
    two.batches.length = 0
    await two.hub.signal('watch-outbox')
    world.firstHeard.set(id('newer'), world.taken())
    expect(await two.hub.send([message('newer')], true)).toEqual(queued)
    expect(numbersSent(socket)).toEqual([
      [1, id('draft')],
      [2, id('newer')],
    ])
  })

  it('[HU15] [I37] to a hub in memory is told may-repeat: another one may have stored it', async () => {
    const { one } = await twoTabs(world)
    world.firstHeard.set(id('a'), world.taken())
    void one
    world.alter = (store) => ({ ...store, open: () => Promise.reject(new HoldfastError('storage-failed', 'on purpose')) })
    const tab = await nextHub()
    const socket = await world.accept()
    expect(await tab.hub.send([message('a')], true)).toMatchObject(mayRepeat)
    expect(await tab.hub.send([message('b')])).toEqual(queued)
    expect(numbersSent(socket)).toEqual([[1, id('b')]])
  })

  it('[HU15] [TB23] [I37] to the next hub, when one in memory had it, is told may-repeat, even where the tab had not heard of that', async () => {
    const open = world.alter
    world.alter = (store) => ({ ...store, open: () => Promise.reject(new HoldfastError('storage-failed', 'on purpose')) })
    const hub = world.hub()
    const tab = world.tab(hub)
    world.firstHeard.set(id('a'), { memory: id('the-durable-one'), taken: 0 })
    await tab.attach()
    await world.accept()
    expect(await tab.hub.send([message('a')])).toEqual(queued)
    world.alter = open
    const later = await nextHub()
    await world.accept(restored() as never)
    expect(await later.hub.send([message('a')], true)).toMatchObject(mayRepeat)
    expect(world.disk.stored?.outbox.entries).toEqual([])
  })

  it('[TB23] [I6] is handed over anew when the store was lost before it came, and is then queued in the next one', async () => {
    const { one } = await twoTabs(world)
    const before = world.taken()
    world.disk.stored = null
    world.loseStorage('cleared')
    const sending = one.hub.send([message('a')])
    const socket = await world.accept()
    expect(await sending).toEqual(queued)
    expect(world.firstHeard.get(id('a'))?.memory).not.toBe(before.memory)
    expect(numbersSent(socket)).toEqual([[1, id('a')]])
  })
})

describe('a parked message that is tried again', () => {
  /** Parks a message. */
  async function parked(): Promise<{ readonly one: TestTab; readonly socket: Awaited<ReturnType<TestWorld['accept']>> }> {
    const { one, socket } = await twoTabs(world)
    await one.hub.send([message('a')])
    await say(socket, ack(1, 1, 'a', { n: 1, rejected: 'rejected', message: 'too long' }))
    return { one, socket }
  }

  it('[HU10] is queued once, whoever did not hear it, and however often it is asked for', async () => {
    const { one, socket } = await parked()
    void one.hub.retry(id('a'), id('b'))
    await settled()
    expect(await one.hub.retry(id('a'), id('b'), true)).toEqual(queued)
    await say(socket, ack(2, 2, 'b'))
    expect(await one.hub.retry(id('a'), id('b'), true)).toEqual({ ok: true, value: [{ ended: { id: id('b'), fate: 'applied' } }] })
    expect(numbersSent(socket)).toEqual([
      [1, id('a')],
      [2, id('b')],
    ])
    forgetAll(world.disk)
    expect(await one.hub.retry(id('a'), id('b'), true)).toMatchObject(mayRepeat)
    world.firstHeard.set(id('c'), world.taken())
    expect(await one.hub.retry(id('a'), id('c'), true)).toMatchObject({ ok: true, value: [{ error: { code: 'not-found' } }] })
  })

  it('[HU10] is told as queued when it is, though the parked one could not be forgotten', async () => {
    world.alter = (store) => ({ ...store, unpark: () => Promise.reject(new HoldfastError('storage-failed', 'on purpose')) })
    const { one } = await parked()
    expect(await one.hub.retry(id('a'), id('b'))).toEqual(queued)
    await settled()
    expect(one.errors).toEqual(['storage-failed'])
  })

  it('[HU10] keeps its place among the others of its call', async () => {
    const { one } = await parked()
    const answer = await one.hub.send([message('x'), { id: id('b'), retryOf: id('a') }, { id: id('c'), retryOf: id('gone') }, message('y')])
    expect(answer).toMatchObject({
      ok: true,
      value: [{ queued: true }, { queued: true }, { error: { code: 'not-found' } }, { queued: true }],
    })
    expect(world.disk.stored?.outbox.entries.map((entry) => entry.id)).toEqual(['x', 'b', 'y'].map(id))
  })
})
