import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../protocol/limits.ts'
import { appendMessages, restartOutbox } from './outbox.ts'
import { createFakeClock } from './testing/fake-clock.ts'
import { CLIENT, id, LEDGER, message, place, published, restored, settings, welcome } from './testing/frames.ts'
import { createHost, type Host } from './testing/host.ts'
import { createStoreDouble, type StoreCall, type StoreDouble } from './testing/store-double.ts'

const errors = (host: Host): unknown[] => host.told('error').map(({ error }) => error)
/** What the app is to be told, in the order in which it was. */
const told = (host: Host): unknown[] => host.told('notices').flatMap(({ notices }) => notices.map(({ event }) => event))
const types = (host: Host, of = host.sockets.last()): string[] => of.received.map(({ type }) => type)

async function connected(store: StoreDouble = createStoreDouble(), parts: Parameters<typeof createHost>[0] = {}): Promise<Host> {
  const host = createHost({ ...parts, store })
  host.runtime.dispatch({ type: 'start' })
  await host.answer()
  return host
}

/** A store whose messages may have been applied under an earlier client id. */
async function restartedStore(): Promise<StoreDouble> {
  const store = createStoreDouble()
  await store.append([message(1), message(2)], true)
  await store.append([message(3)], false)
  await store.restart(id('next'), 'forgotten')
  return store
}

/** The same store for another hub. */
function nextHub(store: StoreDouble): StoreDouble {
  const next = createStoreDouble()
  next.outbox = store.outbox
  next.notices = store.notices
  return next
}

describe('runtime', () => {
  it('[CN1] [CN2] a lost connection is tried again with the delays of the settings', async () => {
    const host = await connected(createStoreDouble(), { settings: settings({ reconnect: { baseDelayMs: 300 } }) })
    host.sockets.last().listener.closed(1006)
    host.clock.advance(299)
    await host.settle()
    expect(host.sockets.all).toHaveLength(1)
    host.clock.advance(1)
    await host.settle()
    expect(host.sockets.all).toHaveLength(2)
    host.sockets.last().listener.closed(1006)
    host.clock.advance(600)
    await host.answer(restored())
    expect(host.runtime.state.phase.name).toBe('live')
    expect(host.sockets.last().received[0]).toMatchObject({ type: 'hello', session: { id: id('session') }, credential: 'secret' })
  })

  it('[CN3] [CN6] [I34] the tries and failures of the machine before it count', async () => {
    const nowMs = createFakeClock().nowMs()
    const earlier = {
      attempt: 3,
      troubledSinceMs: nowMs,
      triesPaidByMs: nowMs + 60_000,
      openingTookMs: null,
      partBytes: 16_384,
      lateHellos: 1,
    }
    const host = createHost({ earlier })
    host.runtime.dispatch({ type: 'start' })
    await host.settle()
    expect(host.sockets.all).toHaveLength(0)
    expect(host.runtime.state).toMatchObject({ phase: { name: 'waiting' }, attempt: 3 })
    host.clock.advance(6_000)
    await host.settle()
    expect(host.sockets.all).toHaveLength(1)
  })

  it('[CN11] a hello that the machine before it left may come late, too', async () => {
    const earlier = { attempt: 0, troubledSinceMs: null, triesPaidByMs: 0, openingTookMs: null, partBytes: 16_384, lateHellos: 2 }
    const host = createHost({ earlier })
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    for (let closes = 0; closes < 2; closes++) {
      host.sockets.last().listener.closed(4409)
      expect(host.runtime.state.phase).toMatchObject({ name: 'waiting', reason: 'unreachable' })
      host.clock.advance(5_000)
      await host.answer(restored())
    }
    host.sockets.last().listener.closed(4409)
    expect(host.runtime.state.phase.name).toBe('restarting')
  })

  it('[CN8] [I21] a socket that was given up is not heard any more', async () => {
    const host = await connected()
    const [old] = host.sockets.all
    host.clock.advance(9_000)
    expect(old?.closedWith).toBe(4000)
    host.clock.advance(1_000)
    await host.answer(restored())
    old?.send({ type: 'goodbye', retryMinMs: 1, retryMaxMs: 1 })
    old?.listener.frame('nonsense')
    old?.listener.opened()
    old?.listener.closed(4401)
    expect(host.runtime.state).toMatchObject({ phase: { name: 'live' }, comeBack: null })
  })

  it.each([
    ['nonsense', '{'],
    ['a binary frame', null],
    ['an unknown type', '{"type":"surprise"}'],
  ])('[CN12] [P2] %s ends the connection, is logged, and the next try comes', async (_, frame) => {
    const host = await connected()
    host.sockets.last().listener.frame(frame)
    expect(host.sockets.last().closedWith).toBe(4400)
    expect(host.log).toContainEqual(expect.objectContaining({ level: 'error', event: 'bad-frame' }))
    host.clock.advance(1_000)
    await host.answer(restored())
    expect(host.runtime.state.phase.name).toBe('live')
  })

  it('[CN15] a credential that comes late, or fails late, harms no later try', async () => {
    const waiting: { give: (credential: string) => void; fail: () => void }[] = []
    const askCredential = (): Promise<string> =>
      new Promise((resolve, reject) => void waiting.push({ give: resolve, fail: () => reject(new Error('no tab')) }))
    const host = createHost({ askCredential })
    host.runtime.dispatch({ type: 'start' })
    waiting[0]?.give('one')
    await host.answer()
    host.sockets.last().send({ type: 'authenticate', withinMs: 1_000 })
    host.sockets.last().listener.closed(1006)
    host.clock.advance(1_000)
    waiting[1]?.give('two')
    await host.settle()
    waiting[2]?.fail()
    await host.answer(restored())
    expect(host.sockets.last().received[0]).toMatchObject({ type: 'hello', credential: 'two' })
    expect([host.runtime.state.phase.name, host.sockets.all.length]).toEqual(['live', 2])
  })

  it('[CN16] an event that a notice brings about waits until the one at work is done', async () => {
    const host = await connected(createStoreDouble(), {
      hear(notice, runtime) {
        if (notice.type === 'messages') runtime.dispatch({ type: 'wake' })
      },
    })
    for (const channel of ['a', 'b']) host.runtime.dispatch({ type: 'subscribe', channel, cursor: place(0) })
    for (const sub of [1, 2]) host.sockets.last().send({ type: 'subscribed', sub, head: place(0), verdict: 'recovered', missed: 0 })
    const batches = [
      { sub: 1, messages: published(1, 1) },
      { sub: 2, messages: published(5, 5) },
    ]
    host.sockets.last().send({ type: 'messages', batches })
    expect(types(host)).toEqual(['hello', 'subscribe', 'subscribe', 'subscribe', 'ping'])
  })

  it('[CN16] a notice that throws does not stop the events that come after it', async () => {
    const host = await connected(createStoreDouble(), {
      hear(notice, runtime) {
        if (notice.type !== 'started') return
        runtime.dispatch({ type: 'subscribe', channel: 'b', cursor: null })
        throw new Error('bad host')
      },
    })
    host.runtime.dispatch({ type: 'subscribe', channel: 'a', cursor: null })
    expect(() => host.sockets.last().send({ type: 'subscribed', sub: 1, head: place(0), verdict: 'start', follows: true })).toThrow(
      'bad host',
    )
    host.runtime.dispatch({ type: 'wake' })
    expect(types(host)).toEqual(['hello', 'subscribe', 'subscribe', 'ping'])
  })

  it('[CN16] [I24] a stopped runtime leaves no timer behind', async () => {
    const host = await connected()
    expect(host.clock.running).toBeGreaterThan(0)
    host.runtime.dispatch({ type: 'stop' })
    await host.settle()
    expect([host.clock.running, host.sockets.last().closedWith]).toEqual([0, 1000])
  })
})

describe('sending through the runtime', () => {
  it('[OB2] [I1] queued is answered when the store has the message, which then leaves at once', async () => {
    const host = await connected()
    const release = host.store.hold('append')
    let queued = false
    const sent = host.runtime.send([message('a')]).then((submitted) => {
      queued = true
      return submitted
    })
    await host.settle()
    expect([queued, types(host)]).toEqual([false, ['hello']])
    release()
    expect(await sent).toMatchObject([{ queued: { n: 1, id: id('a') } }])
    expect(types(host)).toEqual(['hello', 'send'])
    expect(host.store.outbox.sentThrough).toBe(1)
  })

  it('[OB17] [I3] a message that is offered twice, at once or later, keeps its one number', async () => {
    const host = createHost()
    await Promise.all([host.runtime.send([message('first')]), host.runtime.send([message('a')]), host.runtime.send([message('a')])])
    const again = await host.runtime.send([message('a'), message('b')])
    expect(again).toMatchObject([{ queued: { n: 2 } }, { queued: { n: 3 } }])
    expect(host.runtime.state.outbox).toEqual(host.store.outbox)
  })

  it('[OB13] [I2] a stable ack settles, and rejected messages stay for the app to discard', async () => {
    const host = await connected()
    await host.runtime.send([message('a'), message('b')])
    const outcomes = [{ n: 2, rejected: 'rejected', message: 'too long' } as const]
    host.sockets.last().send({ type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes })
    await host.settle()
    expect(host.store.outbox).toMatchObject({ acked: 2, entries: [] })
    expect(host.runtime.state.confirmed).toBe(2)
    expect(host.runtime.parked.get(id('b'))).toMatchObject({ json: '"b"', fate: 'rejected', reason: 'too long' })
    expect(await host.runtime.unpark(id('b'))).toMatchObject({ id: id('b') })
    await expect(host.runtime.unpark(id('b'))).rejects.toMatchObject({ code: 'not-found' })
  })

  it('[OB13] an ack that cannot be stored is told, confirms nothing, and does not end the connection', async () => {
    const host = await connected()
    await host.runtime.send([message('a')])
    host.store.failing.add('settle')
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    await host.settle()
    expect(errors(host)).toEqual([{ code: 'storage-failed', message: 'settle failed' }])
    expect(host.runtime.state).toMatchObject({ confirmed: 0, phase: { name: 'live' } })
  })

  it.each([false, true])('[OB13] acks that come while one is being stored are stored together after it (it fails: %s)', async (fails) => {
    const host = await connected()
    await host.runtime.send(['a', 'b', 'c', 'd'].map((name) => message(name)))
    const ack = (n: number, name: string): void => host.sockets.last().send({ type: 'ack', hi: n, stable: n, id: id(name), outcomes: [] })
    const asked = (): number => host.store.calls.filter((call) => call === 'settle').length
    const release = host.store.hold('settle')
    ack(1, 'a')
    ack(2, 'b')
    ack(3, 'c')
    await host.settle()
    expect(asked()).toBe(1)
    if (fails) host.store.failing.add('settle')
    release()
    await host.settle()
    expect(asked()).toBe(2)
    expect(host.runtime.state.confirmed).toBe(fails ? 0 : 3)
    host.store.failing.clear()
    ack(4, 'd')
    await host.settle()
    expect(host.runtime.state.confirmed).toBe(4)
    expect([...host.store.fates.keys()]).toEqual(['a', 'b', 'c', 'd'].map(id))
  })

  it.each<StoreCall>(['saveIdentity', 'raiseSentThrough'])(
    '[CN13] [I5] [I32] when %s fails, or never answers, that is told and tried again with backoff until it works',
    async (call) => {
      for (const trouble of ['fails', 'hangs'] as const) {
        const host = createHost()
        await host.runtime.send([message('a')])
        const release = trouble === 'hangs' ? host.store.hold(call) : () => host.store.failing.delete(call)
        if (trouble === 'fails') host.store.failing.add(call)
        host.runtime.dispatch({ type: 'start' })
        await host.answer()
        for (let second = 0; second < 30; second++) {
          if (trouble === 'hangs') host.clock.advance(1_000)
          host.sockets.last().send({ type: 'pong' })
        }
        expect(errors(host)).toMatchObject([{ code: 'storage-failed' }])
        expect(host.runtime.state.phase).toMatchObject({ name: 'waiting', reason: 'unreachable' })
        expect(types(host)).not.toContain('send')
        release()
        host.clock.advance(30_000)
        await host.answer(restored())
        expect(types(host)).toEqual(['hello', 'send'])
      }
    },
  )

  it('[CN13] [OB7] when the answer to a question cannot be stored, nothing is sent, and it is asked again', async () => {
    const host = await connected(await restartedStore())
    host.store.failing.add('recalled')
    host.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [] })
    await host.settle()
    expect([host.runtime.state.phase.name, types(host)]).toEqual(['waiting', ['hello', 'recall']])
    host.store.failing.clear()
    host.clock.advance(1_000)
    await host.answer(restored())
    host.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [] })
    await host.settle()
    expect(types(host)).toEqual(['hello', 'recall', 'send'])
  })
})

describe('an outbox restart', () => {
  it('[OB8] [OB25] [I11] [I7] is told once, after every question is answered, with what may be repeated and what may be lost', async () => {
    const host = await connected()
    await host.runtime.send([message('old')])
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('old'), outcomes: [] })
    await host.runtime.send([message('a'), message('b')])
    await host.settle()
    host.sockets.last().listener.closed(1006)
    await host.runtime.send([message('c')])
    host.clock.advance(1_000)
    await host.answer(restored({ ledger: id('other') }))
    expect(host.runtime.state.outbox).toMatchObject({ client: id('new1'), acked: 0, next: 4 })
    await host.answer(restored({ ledger: id('other') }))
    expect([types(host), told(host), host.runtime.notices.ready()]).toEqual([['hello', 'recall'], [], []])
    host.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [{ id: id('a'), fate: 'applied' }] })
    await host.settle()
    expect(told(host)).toEqual([{ atMs: 0, reason: 'ledger', mayRepeat: [id('b')], mayBeLost: [id('old')], older: 0 }])
    expect(host.sockets.last().received.slice(2)).toMatchObject([
      { type: 'skip', numbers: [{ n: 1 }] },
      {
        type: 'send',
        messages: [
          { n: 2, mayRepeat: true },
          { n: 3, id: id('c') },
        ],
      },
    ])
    host.sockets.last().listener.closed(1006)
    host.clock.advance(1_000)
    await host.answer(restored({ ledger: id('other') }))
    expect(told(host)).toHaveLength(1)
  })

  it('[OB8] that asks nothing is told at once', async () => {
    const host = await connected()
    host.sockets.last().send({ type: 'unknown_client' })
    await host.settle()
    expect(told(host)).toEqual([{ atMs: 0, reason: 'forgotten', mayRepeat: [], mayBeLost: [], older: 0 }])
  })

  it('[OB8] [I11] of a server that went back lists what it had confirmed', async () => {
    const host = await connected()
    await host.runtime.send([message('a'), message('b')])
    host.sockets.last().send({ type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes: [] })
    await host.settle()
    host.sockets.last().listener.closed(1006)
    host.clock.advance(1_000)
    await host.answer(restored({ client: { hi: 1, id: id('a') } }))
    expect(told(host)).toMatchObject([{ reason: 'server-went-back', mayBeLost: [id('a'), id('b')] }])
  })

  it('[OB25] [I38] is told by every hub after, with all that the dead ones learnt, until it was heard', async () => {
    const dead = await connected()
    await dead.runtime.send([message('old')])
    dead.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('old'), outcomes: [] })
    await dead.runtime.send([message('a'), message('b')])
    await dead.settle()
    dead.sockets.last().listener.closed(1006)
    dead.clock.advance(1_000)
    await dead.answer(restored({ ledger: id('other') }))
    const asking = await connected(nextHub(dead.store))
    expect([types(asking), asking.runtime.notices.ready()]).toEqual([['hello', 'recall'], []])
    asking.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [{ id: id('a'), fate: 'applied' }] })
    await asking.settle()
    const event = { atMs: 0, reason: 'ledger', mayRepeat: [id('b')], mayBeLost: [id('old')], older: 0 }
    expect(told(asking)).toEqual([event])
    // Everything is sent and settled, and the app has still to hear of it.
    const last = asking.store.outbox.next - 1
    asking.sockets.last().send({ type: 'ack', hi: last, stable: last, id: id('b'), outcomes: [] })
    await asking.settle()
    expect(asking.store.outbox.entries).toEqual([])
    const next = createHost({ store: nextHub(asking.store) })
    const ready = next.runtime.notices.ready()
    expect([told(next), ready.map((notice) => notice.event)]).toEqual([[], [event]])
    await next.runtime.notices.heard(ready.map((notice) => notice.id))
    expect([next.runtime.notices.ready(), createHost({ store: nextHub(next.store) }).runtime.notices.ready()]).toEqual([[], []])
  })

  it('[OB25] restarts before every question is answered are one, and what is known in the end is in it', async () => {
    const host = await connected(await restartedStore())
    host.sockets.last().send({ type: 'unknown_client' })
    await host.answer()
    host.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [{ id: id(2), fate: 'applied' }] })
    await host.settle()
    expect(told(host)).toEqual([{ atMs: 0, reason: 'forgotten', mayRepeat: [id(1)], mayBeLost: [], older: 0 }])
  })

  it('[OB26] [I38] what the store does not take is told all the same, and noted when it can be', async () => {
    const host = await connected()
    const event = { atMs: 5, reason: 'cleared', requeued: 0, mayRepeat: [id('a')], older: 0 }
    const lost = { id: id('lost'), kind: 'storage-lost', event } as const
    host.store.failing.add('note')
    await expect(host.runtime.notices.note([lost])).rejects.toMatchObject({ code: 'storage-failed' })
    expect([told(host), host.runtime.notices.ready(), host.store.notices]).toEqual([[event], [lost], []])
    host.store.failing.clear()
    host.clock.advance(60_000)
    await host.settle()
    expect([told(host), host.runtime.notices.ready(), host.store.notices]).toEqual([[event], [lost], [lost]])
    await host.runtime.notices.heard([id('lost')])
    expect([host.runtime.notices.ready(), host.store.notices]).toEqual([[], []])
  })

  it('[OB7] with `hold` parks what may repeat, tells so, and sends the rest', async () => {
    const host = await connected(await restartedStore(), { settings: settings({ outbox: { mayRepeat: 'hold' } }) })
    host.sockets
      .last()
      .send({ type: 'recalled', client: CLIENT, fates: [{ id: id(1), fate: 'rejected', rejected: 'failed', message: 'boom' }] })
    await host.settle()
    expect([...host.runtime.parked.values()].map(({ id: name, reason }) => [name, reason])).toEqual([
      [id(1), 'boom'],
      [id(2), 'may-repeat'],
    ])
    expect(host.told('fates').flatMap(({ fates }) => fates)).toMatchObject([
      { id: id(1), fate: 'rejected', reason: 'failed' },
      { id: id(2), fate: 'rejected', reason: 'may-repeat' },
    ])
    expect(host.sockets.last().received.slice(2)).toMatchObject([
      { type: 'skip', numbers: [{ n: 1 }, { n: 2 }] },
      { type: 'send', messages: [{ n: 3 }] },
    ])
    expect(host.runtime.state.outbox).toEqual({ ...host.store.outbox, sentThrough: host.runtime.state.outbox.sentThrough })
  })

  it('[OB14] [I6] a message that is being stored while the outbox restarts gets its number in the new run', async () => {
    const host = await connected()
    await host.runtime.send([message('a')])
    const release = host.store.hold('restart')
    host.sockets.last().send({ type: 'unknown_client' })
    const sent = host.runtime.send([message('b')])
    release()
    await host.settle()
    expect(await sent).toMatchObject([{ queued: { n: 2 } }])
    expect(host.runtime.state.outbox).toEqual(host.store.outbox)
    expect(host.store.outbox).toMatchObject({
      client: id('new1'),
      entries: [
        { n: 1, id: id('a') },
        { n: 2, id: id('b') },
      ],
    })
  })

  it('[OB14] a cancel during it means the message, not the number it had before', async () => {
    const host = await connected()
    await host.runtime.send([message('a')])
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    await host.settle()
    host.sockets.last().listener.closed(1006)
    await host.runtime.send([message('b'), message('c'), message('d')])
    host.clock.advance(1_000)
    const release = host.store.hold('restart')
    await host.answer(restored({ client: null }))
    const cancelled = host.runtime.cancel(id('c'))
    release()
    await cancelled
    expect(host.store.outbox.entries.map(({ n, id: name, skip }) => [n, name, skip])).toEqual([
      [1, id('b'), undefined],
      [2, id('c'), 'cancelled'],
      [3, id('d'), undefined],
    ])
    expect(host.runtime.state.outbox.entries).toEqual(host.store.outbox.entries)
  })

  it('[CN13] [I32] that the store fails to make, or does not answer, is begun again', async () => {
    const call = 'restart'
    for (const trouble of ['fails', 'hangs'] as const) {
      const host = await connected()
      await host.runtime.send([message('a')])
      host.sockets.last().listener.closed(1006)
      const release = trouble === 'hangs' ? host.store.hold(call) : () => host.store.failing.delete(call)
      if (trouble === 'fails') host.store.failing.add(call)
      host.clock.advance(1_000)
      await host.answer(restored({ ledger: id('other') }))
      if (trouble === 'hangs') host.clock.advance(30_000)
      await host.settle()
      expect(errors(host)).toMatchObject([{ code: 'storage-failed' }])
      expect(host.runtime.state.phase.name).toBe('waiting')
      release()
      await host.settle()
      for (let tries = 0; tries < 3 && host.runtime.state.phase.name !== 'live'; tries++) {
        host.clock.advance(30_000)
        await host.answer(restored({ ledger: id('other') }))
      }
      expect(types(host)).toEqual(['hello', 'recall'])
      expect(host.sockets.last().received[0]).toMatchObject({ client: host.store.outbox.client })
    }
  })

  it.each([1, 2])(
    '[OB1] [I3] however late the store answers, what the server settles meanwhile is not settled in the new run (%i restarts)',
    async (times) => {
      const host = await connected()
      await host.runtime.send([message('a'), message('b')])
      const release = host.store.hold('restart')
      for (let at = 0; at < times; at++) {
        host.sockets.last().send({ type: 'conflict', n: 2 })
        host.clock.advance(30_000)
        await host.settle()
        host.clock.advance(30_000)
        // The server agrees with the old client id, and so does this hub as long as the store has not answered.
        await host.answer(restored({ client: { hi: 2, id: id('b') } }))
      }
      expect(host.runtime.state.phase.name).toBe('live')
      host.sockets.last().send({ type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes: [] })
      release()
      await host.settle()
      expect(host.store.outbox).toMatchObject({ client: id(`new${times}`), acked: 0, entries: [{ n: 1 }, { n: 2 }] })
      expect(host.runtime.state.outbox).toMatchObject({ client: host.store.outbox.client, acked: 0, entries: host.store.outbox.entries })
    },
  )

  it('[CN13] that fails does not block a cancel', async () => {
    const host = await connected()
    host.store.failing.add('restart')
    host.sockets.last().send({ type: 'unknown_client' })
    await host.runtime.send([message('a')])
    await host.runtime.cancel(id('a'))
    expect(host.told('fates')).toMatchObject([{ fates: [{ id: id('a'), fate: 'cancelled' }] }])
  })
})

describe('cancel and expiry', () => {
  it('[OB14] what cannot have left is cancelled: a tombstone, stored and told', async () => {
    const host = createHost()
    await host.runtime.send([message('a'), message('b')])
    await host.runtime.cancel(id('a'))
    expect(host.store.outbox.entries).toMatchObject([
      { n: 1, skip: 'cancelled' },
      { n: 2, json: '"b"' },
    ])
    expect(host.told('fates')).toEqual([{ type: 'fates', fates: [{ id: id('a'), fate: 'cancelled' }] }])
    await expect(host.runtime.cancel(id('a'))).rejects.toMatchObject({ code: 'not-found' })
    await expect(host.runtime.cancel(id('x'))).rejects.toMatchObject({ code: 'not-found' })
  })

  it('[OB22] [I6] what is cancelled is told when it is stored, and not before: a hub that dies in between has promised nothing', async () => {
    const host = createHost()
    await host.runtime.send([message('a')])
    const release = host.store.hold('bury')
    const cancelled = host.runtime.cancel(id('a'))
    await host.settle()
    expect(host.told('fates')).toEqual([])
    await expect(host.runtime.cancel(id('a'))).rejects.toMatchObject({ code: 'not-found' })
    release()
    await cancelled
    expect(host.told('fates')).toHaveLength(1)
  })

  it('[OB22] [I6] a message whose burial could not be stored goes on, and what was behind it too', async () => {
    const host = await connected()
    host.sockets.last().listener.closed(1006)
    await host.runtime.send([message('a'), message('b')])
    host.store.failing.add('bury')
    const release = host.store.hold('bury')
    const cancelled = host.runtime.cancel(id('a'))
    host.clock.advance(1_000)
    await host.answer(restored())
    expect(types(host)).toEqual(['hello'])
    release()
    await expect(cancelled).rejects.toMatchObject({ code: 'storage-failed' })
    await host.settle()
    expect(types(host)).toEqual(['hello', 'send'])
    expect(host.told('fates')).toEqual([])
  })

  it('[OB13] [I32] a settlement the store could not take is stored with the next one, or within a minute', async () => {
    const host = await connected()
    await host.runtime.send([message('a'), message('b')])
    const rejected = { n: 1, rejected: 'rejected', message: 'no' } as const
    host.store.failing.add('settle')
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [rejected] })
    await host.settle()
    expect(host.store.outbox.entries).toHaveLength(2)
    host.store.failing.clear()
    host.sockets.last().send({ type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes: [] })
    await host.settle()
    expect([...host.store.fates.values()].map(({ fate }) => fate)).toEqual(['rejected', 'applied'])

    await host.runtime.send([message('c')])
    host.store.failing.add('settle')
    host.sockets.last().send({ type: 'ack', hi: 3, stable: 3, id: id('c'), outcomes: [] })
    await host.settle()
    host.store.failing.clear()
    host.clock.advance(60_000)
    await host.settle()
    expect(host.store.outbox).toMatchObject({ acked: 3, entries: [] })
    expect(host.store.fates.get(id('c'))).toMatchObject({ fate: 'applied' })
  })

  it('[OB14] what may have left is `already-sent`: sent, being marked, to be asked about, or resent', async () => {
    const host = createHost()
    await host.runtime.send([message('a')])
    const release = host.store.hold('raiseSentThrough')
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    await expect(host.runtime.cancel(id('a'))).rejects.toMatchObject({ code: 'already-sent' })
    release()
    await host.settle()
    await expect(host.runtime.cancel(id('a'))).rejects.toMatchObject({ code: 'already-sent' })

    const restarted = createHost({ store: await restartedStore() })
    await expect(restarted.runtime.cancel(id(1))).rejects.toMatchObject({ code: 'already-sent' })
    const marked = createHost({ store: await restartedStore() })
    marked.store.outbox = {
      ...marked.store.outbox,
      entries: marked.store.outbox.entries.map(({ recall, ...kept }) => (recall ? { ...kept, mayRepeat: true } : kept)),
    }
    const next = createHost({ store: nextHub(marked.store) })
    await expect(next.runtime.cancel(id(1))).rejects.toMatchObject({ code: 'already-sent' })
    await next.runtime.cancel(id(3))
  })

  it('[OB14] a mark that was under way when the socket dropped does not send what is cancelled then', async () => {
    const host = createHost()
    await host.runtime.send([message('a'), message('b')])
    const release = host.store.hold('raiseSentThrough')
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    host.sockets.last().listener.closed(1006)
    const cancelled = host.runtime.cancel(id('a'))
    release()
    await cancelled
    host.clock.advance(1_000)
    await host.answer(restored())
    expect(host.sockets.last().received.slice(1)).toMatchObject([
      { type: 'skip', numbers: [{ n: 1 }] },
      { type: 'send', messages: [{ n: 2 }] },
    ])
  })

  it('[OB19] a message that fits no frame is parked and told as too large, and what is behind it goes on', async () => {
    const host = createHost()
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome({ limits: { ...DEFAULT_LIMITS, frameBytes: 16_384 } }))
    const large = { ...message('large'), json: JSON.stringify('x'.repeat(20_000)) }
    await host.runtime.send([large, message('small')])
    await host.settle()
    expect(host.told('fates').flatMap(({ fates }) => fates)).toMatchObject([{ id: id('large'), fate: 'rejected', reason: 'too-large' }])
    expect(host.runtime.parked.get(id('large'))).toMatchObject({ json: large.json, fate: 'rejected' })
    expect(host.sockets.last().received.slice(1)).toMatchObject([
      { type: 'skip', numbers: [{ n: 1 }] },
      { type: 'send', messages: [{ n: 2, id: id('small') }] },
    ])
  })

  it('[OB19] [CN13] one whose burial cannot be stored costs the socket, and the next one comes after a wait', async () => {
    const host = await connected()
    host.store.failing.add('bury')
    await host.runtime.send([{ ...message('large'), json: JSON.stringify('x'.repeat(2_000_000)) }])
    await host.settle()
    host.store.failing.clear()
    expect(host.runtime.state.phase.name).toBe('waiting')
    expect([host.store.calls.filter((call) => call === 'bury'), errors(host)]).toMatchObject([['bury'], [{ code: 'storage-failed' }]])
    host.clock.advance(1_000)
    await host.answer(restored())
    expect(types(host)).toEqual(['hello', 'skip'])
  })

  it('[OB15] a message that is too old expires, is parked for the app, and leaves as a skip', async () => {
    const host = createHost({ settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    host.store.takenMs.set(id('b'), 1_060_000)
    await host.runtime.send([message('a'), message('b')])
    host.runtime.dispatch({ type: 'start' })
    host.sockets.all.length = 0
    host.clock.advance(60_000)
    expect(host.runtime.parked.size).toBe(0)
    host.clock.advance(60_000)
    await host.settle()
    expect(host.runtime.parked.get(id('a'))).toMatchObject({ json: '"a"', fate: 'expired' })
    expect(host.told('fates')).toEqual([{ type: 'fates', fates: [{ id: id('a'), fate: 'expired' }] }])
    expect(host.store.outbox.entries).toMatchObject([{ skip: 'expired' }, { json: '"b"' }])
  })

  it('[OB15] what grew too old while no hub ran expires before the first try', async () => {
    const store = createStoreDouble()
    store.takenMs.set(id('a'), 0)
    await store.append([message('a')], false)
    const host = await connected(store, { settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    expect(host.sockets.last().received.slice(1)).toMatchObject([{ type: 'skip', numbers: [{ n: 1 }] }])
    expect(host.runtime.state.outbox.ledger).toBe(LEDGER)
  })

  it('[OB15] [I35] a wall clock that is a day ahead or behind expires nothing before its time', async () => {
    const host = await connected()
    await host.runtime.send([message('a')])
    for (const jumpMs of [86_400_000, -2 * 86_400_000]) {
      host.clock.jump(jumpMs)
      host.clock.advance(60_000)
    }
    expect(host.runtime.parked.size).toBe(0)
  })

  it('[OB15] nothing expires under a number it had before a restart', async () => {
    const host = await connected(createStoreDouble(), { settings: settings({ outbox: { maxAgeMs: 40_000 } }) })
    await host.runtime.send([message('a')])
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    await host.settle()
    host.sockets.last().listener.closed(1006)
    for (const young of ['b', 'd', 'e']) host.store.takenMs.set(id(young), 1_090_000)
    await host.runtime.send([message('b'), message('c'), message('d'), message('e')])
    const release = host.store.hold('restart')
    host.clock.advance(1_000)
    await host.answer(restored({ client: null }))
    host.clock.advance(59_000)
    release()
    await host.settle()
    host.clock.advance(60_000)
    await host.settle()
    expect(host.store.outbox.entries.filter(({ skip }) => skip).map(({ id: name }) => name)).toEqual([id('c')])
  })

  it.each([
    ['the server forgot its client', { reach: { made: 1, forgotten: 1 } }],
    ['the server is another', { ledger: id('other') }],
  ])('[OB15] [I39] what may have been applied does not expire: %s, and it is told as a possible repeat', async (_, answer) => {
    const store = createStoreDouble()
    store.outbox = { ...appendMessages(store.outbox, [message('a'), message('b')], true, 0), ledger: LEDGER }
    const host = createHost({ store, settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome(answer))
    await host.answer(welcome(answer))
    host.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [{ id: id('b'), fate: 'applied' }] })
    await host.settle()
    expect(host.told('fates').flatMap(({ fates }) => fates)).toMatchObject([
      { id: id('b'), fate: 'applied' },
      { id: id('a'), fate: 'rejected', reason: 'may-repeat' },
    ])
    expect(host.runtime.parked.get(id('a'))).toMatchObject({ fate: 'rejected', reason: 'may-repeat' })
    expect(host.sockets.last().received.slice(2)).toMatchObject([{ type: 'skip', numbers: [{ n: 1 }, { n: 2 }] }])
  })

  it('[OB15] [P44] what the server is still at work on does not expire; what it never got does', async () => {
    const store = createStoreDouble()
    store.outbox = { ...appendMessages(store.outbox, [message('a'), message('b')], true, 0), ledger: LEDGER }
    const host = createHost({ store, settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome({ begun: 1 }))
    expect(host.told('fates').flatMap(({ fates }) => fates)).toEqual([{ id: id('b'), fate: 'expired' }])
    expect(host.sockets.last().received.slice(1)).toMatchObject([
      { type: 'send', messages: [{ n: 1, id: id('a') }] },
      { type: 'skip', numbers: [{ n: 2 }] },
    ])
  })

  it('[OB15] [OB7] what is still to be asked about does not expire', async () => {
    const store = createStoreDouble()
    store.takenMs.set(id('a'), 0)
    await store.append([message('a')], true)
    store.outbox = restartOutbox(store.outbox, id('next'), 'possibly-sent')
    const host = await connected(store, { settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    expect(host.told('fates')).toEqual([])
    host.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [{ id: id('a'), fate: 'applied' }] })
    await host.settle()
    expect(host.told('fates')).toEqual([{ type: 'fates', fates: [{ id: id('a'), fate: 'applied' }] }])
  })

  it('[OB14] [CN13] a message is cancelled once, after the last of several restarts that a slow store was asked for', async () => {
    const store = createStoreDouble()
    await store.append([message('a')], true)
    await store.settle(1, id('a'), [])
    await store.append([message('b')], false)
    const release = store.hold('restart')
    const host = await connected(store)
    const cancelling = host.runtime.cancel(id('b'))
    host.clock.advance(31_000)
    await host.answer(restored({ client: null }))
    expect(host.store.calls.filter((call) => call === 'restart')).toHaveLength(2)
    release()
    const releaseSecond = store.hold('restart')
    await host.settle()
    releaseSecond()
    await cancelling
    await host.settle()
    expect(host.runtime.state.outbox.entries).toMatchObject([{ id: id('b'), skip: 'cancelled' }])
    expect(host.store.outbox.entries).toMatchObject([{ id: id('b'), skip: 'cancelled' }])
  })

  it('[OB22] [I7] what is too old is not sent even while its burial cannot be stored, and is buried in the end', async () => {
    const store = createStoreDouble()
    store.takenMs.set(id('a'), 0)
    await store.append([message('a'), message('b')], false)
    store.failing.add('bury')
    const host = await connected(store, { settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    expect(types(host)).toEqual(['hello'])
    store.failing.clear()
    host.sockets.last().listener.closed(1006)
    host.clock.advance(1_000)
    await host.answer(restored())
    await host.settle()
    expect(types(host)).toEqual(['hello', 'skip', 'send'])
    expect(host.told('fates').flatMap(({ fates }) => fates)).toEqual([{ id: id('a'), fate: 'expired' }])
  })

  it('[OB22] [I32] a burial that could not be stored is not forgotten while nobody can say whether the message has left', async () => {
    const store = createStoreDouble()
    store.takenMs.set(id('a'), 0).set(id('b'), 10_000_000)
    await store.append([message('a'), message('b')], false)
    store.failing.add('bury')
    const host = await connected(store, { settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    store.failing.clear()
    host.sockets.last().listener.closed(1006)
    // The check of every minute comes before the answer to the next `hello`.
    host.clock.advance(60_000)
    await host.answer(restored())
    expect(types(host)).toEqual(['hello', 'skip', 'send'])
    expect(host.told('fates').flatMap(({ fates }) => fates)).toEqual([{ id: id('a'), fate: 'expired' }])
  })

  it('[OB15] an expiry that cannot be stored is told', async () => {
    const store = createStoreDouble()
    store.takenMs.set(id('a'), 0)
    await store.append([message('a')], false)
    store.failing.add('bury')
    const host = createHost({ store, settings: settings({ outbox: { maxAgeMs: 90_000 } }) })
    host.runtime.dispatch({ type: 'start' })
    await host.settle()
    expect(errors(host)).toEqual([{ code: 'storage-failed', message: 'bury failed' }])
  })
})

describe('a whole conversation', () => {
  it('[CN10] [I22] an answer that was lost is given again to the same hello', async () => {
    const host = await connected(createStoreDouble())
    host.sockets.last().listener.closed(1006)
    host.clock.advance(1_000)
    await host.settle()
    host.sockets.last().listener.opened()
    const hello = host.sockets.last().received[0]
    host.sockets.last().listener.closed(1006)
    host.clock.advance(2_000)
    await host.answer(restored({ connection: 3 }))
    expect(host.sockets.last().received[0]).toEqual(hello)
    expect(host.runtime.state.phase.name).toBe('live')
  })

  it('[CN10] a server that has committed what this store only may have sent is not sent it again', async () => {
    const host = createHost()
    await host.runtime.send([message('a'), message('b')])
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome({ client: { hi: 1, id: id('a') } }))
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    expect(host.runtime.state.phase.name).toBe('live')
    expect(host.sockets.last().received.slice(1)).toMatchObject([{ type: 'send', messages: [{ n: 2 }] }])
  })

  it('[OB2] [I7] [I23] that it may repeat what a store went back on is known to the next hub too', async () => {
    const host = createHost()
    await host.runtime.send([message('a')])
    host.store.failing.add('saveIdentity')
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome({ client: { hi: 1, id: id('a') } }))
    expect(host.store.outbox.sentThrough).toBe(0)
    // The server forgets the client, and this hub remembers all the same.
    host.store.failing.clear()
    host.clock.advance(1_000)
    await host.answer(restored())
    expect(host.store.outbox.sentThrough).toBe(1)
    const next = createHost({ store: host.store })
    next.runtime.dispatch({ type: 'start' })
    await next.answer(welcome({ ledger: id('other') }))
    await next.answer(welcome({ ledger: id('other') }))
    expect(types(next)).toEqual(['hello', 'recall'])
  })
})
