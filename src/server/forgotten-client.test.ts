import { describe, expect, it } from 'vitest'
import { appendMessages, compareMemories, emptyOutbox, sinceOf } from '../core/outbox.ts'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import type { Hello, Send } from '../protocol/index.ts'

const MINUTE_MS = 60_000
const TTL_MS = 20 * MINUTE_MS

const send = (n: number, id: string = freshId()): Send => ({ type: 'send', confirmed: 0, messages: [{ n, id, channel: 'in', data: n }] })

/** A client that sends one message and is gone. */
async function visit(server: FakeServer, fields: Partial<Hello> = {}): Promise<FakePeer> {
  const peer = await server.open(fields)
  peer.say(send(1))
  await server.clock.settle()
  peer.drop()
  await server.clock.pass(10)
  return peer
}

describe('a client whose record was given up', () => {
  it.each<[string, (server: FakeServer) => Promise<void>]>([
    ['for want of room', async (server) => void (await Promise.all(Array.from({ length: 8 }, () => visit(server))))],
    ['at the end of its time', (server) => server.clock.pass(TTL_MS + MINUTE_MS)],
  ])('[P43] [P20] [OB5] [I12] knows that from the answer, though nothing was acknowledged: %s', async (_, giveUp) => {
    const applied: unknown[] = []
    const server = fakeServer({ sessions: { max: 2, clientTtlMs: TTL_MS }, onMessage: ({ id }) => void applied.push(id) })
    const [client, id] = [freshId(), freshId()]
    const first = await server.open({ client })
    // What a client keeps of the first answer, and of the message whose ack was lost.
    const outbox = {
      ...appendMessages(emptyOutbox(client, freshId()), [{ id, channel: 'in', json: '1' }], true, 1),
      ledger: first.answer().ledger,
      since: sinceOf(emptyOutbox(client, freshId()), first.answer()),
    }
    first.say(send(1, id))
    await server.clock.settle()
    first.drop()
    await giveUp(server)
    const again = (await server.open({ client })).answer()
    expect([again.ledger, again.client]).toEqual([outbox.ledger, null])
    expect(compareMemories(outbox, again)).toBe('forgotten')
    expect(applied[0]).toBe(id)
  })

  it.each<[string, (server: FakeServer) => Promise<unknown>]>([
    ['when nobody else came', () => Promise.resolve()],
    ['when others came and stayed known', (server) => visit(server)],
    [
      'when one that had its record before was given up since',
      async (server) => {
        await server.clock.pass(2 * MINUTE_MS)
        await visit(server)
      },
    ],
  ])('[P43] [OB5] is no other than one that never had a record, whose first message got lost: %s', async (_, others) => {
    const server = fakeServer({ sessions: { max: 10, clientTtlMs: 3 * MINUTE_MS, sweepMs: 1_000 }, onMessage: () => {} })
    await visit(server)
    await server.clock.pass(MINUTE_MS)
    const client = freshId()
    const first = await server.open({ client })
    const { ledger } = first.answer()
    const since = sinceOf(emptyOutbox(client, freshId()), first.answer())
    first.drop()
    await others(server)
    const again = (await server.open({ client })).answer()
    const outbox = {
      ...appendMessages(emptyOutbox(client, freshId()), [{ id: freshId(), channel: 'in', json: '1' }], true, 1),
      ledger,
      since,
    }
    expect(compareMemories(outbox, again)).toBeNull()
  })

  it('[P44] [OB15] is told of the number that may still commit, and only its own user is', async () => {
    const finish: (() => void)[] = []
    const server = fakeServer({
      authenticate: ({ credential }) => ({ user: credential ?? '' }),
      onMessage: () => new Promise<void>((resolve) => finish.push(resolve)),
    })
    const client = freshId()
    const ada = { user: 'ada', credential: 'ada', client }
    const first = await server.open(ada)
    expect('begun' in first.answer()).toBe(false)
    first.say({ ...send(1), messages: [1, 2, 3].flatMap((n) => send(n).messages) })
    await server.clock.settle()
    first.drop()
    // Two and three had not begun, and are not applied any more.
    expect((await server.open(ada)).answer()).toMatchObject({ client: null, begun: 1 })
    expect('begun' in (await server.open({ ...ada, user: 'bob', credential: 'bob' })).answer()).toBe(false)
    finish[0]?.()
    await server.clock.settle()
    const last = (await server.open(ada)).answer()
    expect([last.client?.hi, 'begun' in last]).toEqual([1, false])
  })
})

describe('what is in use', () => {
  it('[P46] [P8] is not given up for newcomers, however long ago it was last heard of', async () => {
    const server = fakeServer({ sessions: { max: 2, sweepMs: MINUTE_MS }, onMessage: () => {} })
    const client = freshId()
    const first = await server.open({ client })
    first.say(send(1))
    await server.clock.settle()
    first.drop()
    await server.clock.pass(5 * MINUTE_MS)
    const { session } = first.answer() as { session: { id: string; token: string } }
    const again = await server.open({ client, session })
    // Between two sweeps: nobody has told the engine since that these two are in use.
    for (let at = 0; at < 20; at++) await visit(server)
    expect(server.core.metrics().totals).toMatchObject({ 'dropped.clients': 13 })
    again.say(send(2))
    await server.clock.settle()
    expect(again.last('ack').hi).toBe(2)
    again.drop()
    expect((await server.open({ client, session })).answer()).toMatchObject({ type: 'session_restored', client: { hi: 2 } })
  })

  it('[P46] [P8] lives from the end of its last use: a client that comes for moments only is never forgotten', async () => {
    const ttlMs = 10 * MINUTE_MS
    const server = fakeServer({ sessions: { ttlMs, clientTtlMs: ttlMs, sweepMs: 5 * MINUTE_MS }, onMessage: () => {} })
    const client = freshId()
    const first = await server.open({ client })
    first.say(send(1))
    await server.clock.settle()
    const { session } = first.answer() as { session: { id: string; token: string } }
    first.drop()
    // Each stay lies between two sweeps, and none of them sends anything.
    for (let at = 0; at < 5; at++) {
      await server.clock.pass(ttlMs - MINUTE_MS)
      const peer = await server.open({ client, session })
      expect(peer.answer()).toMatchObject({ type: 'session_restored', client: { hi: 1 } })
      await server.clock.pass(1_000)
      peer.drop()
    }
    await server.clock.pass(ttlMs + 5 * MINUTE_MS)
    expect(server.core.metrics()).toMatchObject({ sessions: 0, clients: 0 })
  })
})
