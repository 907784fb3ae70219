import { describe, expect, it } from 'vitest'
import { id, message } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { numbersSent, perTest, say, settled, twoTabs, type TestTab, type TestWorld } from './test-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const queued = { ok: true, value: [{ queued: true }] }
const notFound = { ok: true, value: [{ error: { code: 'not-found' } }] }

/** Two tabs, and a message of the first that was rejected. */
async function withParked(): Promise<{ one: TestTab; two: TestTab; socket: SocketDouble }> {
  const { one, two, socket } = await twoTabs(world)
  await one.hub.send([message('a')])
  await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [{ n: 1, rejected: 'rejected', message: 'too long' }] })
  return { one, two, socket }
}

const once = [
  [1, id('a')],
  [2, id('b')],
]

describe('a parked message that is tried again', () => {
  it('[HU10] is queued once when two tabs, or two calls, ask for it at a time', async () => {
    const { one, two, socket } = await withParked()
    const retried = [one.hub.retry(id('a'), id('b')), one.hub.retry(id('a'), id('c')), two.hub.retry(id('a'), id('d'))]
    const answers = await Promise.all(retried)
    const isQueued = (answer: object): boolean => JSON.stringify(answer) === JSON.stringify(queued)
    expect(answers.filter(isQueued)).toHaveLength(1)
    expect(answers.filter((answer) => !isQueued(answer))).toMatchObject([notFound, notFound])
    expect(numbersSent(socket)).toHaveLength(2)
  })

  it('[HU10] is queued once when one call asks for it twice', async () => {
    const { one, socket } = await withParked()
    const twice = ['b', 'c'].map((name) => ({ id: id(name), retryOf: id('a') }))
    expect(await one.hub.send(twice)).toMatchObject({ ok: true, value: [{ queued: true }, { error: { code: 'not-found' } }] })
    expect(numbersSent(socket)).toEqual(once)
  })

  it('[HU10] may be tried again when it could not be queued', async () => {
    let isFull = false
    world.alter = (store) => ({
      ...store,
      append: (...given) => (isFull ? Promise.reject(new HoldfastError('storage-full', 'on purpose')) : store.append(...given)),
    })
    const { one, two, socket } = await withParked()
    isFull = true
    expect(await one.hub.retry(id('a'), id('c'))).toMatchObject({ ok: false, error: { code: 'storage-full' } })
    isFull = false
    expect(await two.hub.retry(id('a'), id('b'))).toEqual(queued)
    expect(numbersSent(socket)).toEqual(once)
  })

  it('[HU10] is queued once though it could not be forgotten', async () => {
    world.alter = (store) => ({ ...store, unpark: () => Promise.reject(new HoldfastError('storage-failed', 'on purpose')) })
    const { one, two, socket } = await withParked()
    expect(await one.hub.retry(id('a'), id('b'))).toEqual(queued)
    expect(await two.hub.retry(id('a'), id('c'))).toMatchObject(notFound)
    expect(numbersSent(socket)).toEqual(once)
  })

  it('[HU10] is told of its end to a page that stood still before it was answered, and handed it over again', async () => {
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    await one.attach()
    await two.attach()
    const socket = await world.accept()
    await one.hub.send([message('a')])
    const rejected = (n: number, name: string): void =>
      socket.send({ type: 'ack', hi: n, stable: n, id: id(name), outcomes: [{ n, rejected: 'rejected', message: 'too long' }] })
    rejected(1, 'a')
    await settled()
    await one.hub.retry(id('a'), id('b'))
    await one.attachAgain(hub)
    expect(await one.hub.retry(id('a'), id('b'), true)).toEqual(queued)
    one.batches.length = 0
    rejected(2, 'b')
    await settled()
    expect(one.fates).toMatchObject([{ id: id('b'), fate: 'rejected' }])
  })
})
