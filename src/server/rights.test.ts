import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import { numberedMessages } from './testing/numbered-messages.ts'
import type { Hello } from '../protocol/index.ts'

const users = { authenticate: ({ credential }: { credential: string | null }) => ({ user: credential }) }
const as = (user: string | null, fields: Partial<Hello> = {}): Partial<Hello> => ({ user, credential: user, ...fields })
const reads = (...channels: readonly string[]): Pick<Hello, 'subscriptions'> => ({
  subscriptions: channels.map((channel, at) => ({ sub: at + 1, channel, cursor: null })),
})

/** A hook that answers when the test says so. */
class Question<T> {
  answer = (_value: T): void => {}
  readonly ask = (): Promise<T> => new Promise((resolve) => (this.answer = resolve))
}

describe('disconnect', () => {
  it.each([
    ['unauthenticated', 4401],
    ['forbidden', 4403],
  ] as const)('[RT1] [I26] ends every connection of a user with %s, and nobody else is disturbed', async (reason, code) => {
    const { core, open, clock } = fakeServer(users)
    const [one, two, bob, nobody] = [
      await open(as('ada', reads('news'))),
      await open(as('ada')),
      await open(as('bob', reads('news'))),
      await open(),
    ]
    await core.rights.disconnect('ada', reason)
    await core.publish('news', 'after')
    await clock.settle()
    expect([one, two, bob, nobody].map((peer) => peer.closedWith?.code)).toEqual([code, code, undefined, undefined])
    expect(one.messagesOf(1)).toEqual([])
    expect(bob.messagesOf(1)).toHaveLength(1)
    expect(core.metrics().totals).toMatchObject({ 'ended.disconnect': 1 })
  })

  it('[RT1] ends the one connection of a session, of an anonymous one too', async () => {
    const { core, open } = fakeServer()
    const [one, two] = [await open(), await open()]
    await core.rights.disconnect({ session: one.answer().session.id }, 'unauthenticated')
    expect([one.closedWith?.code, two.closedWith]).toEqual([4401, undefined])
  })

  it('[RT1] does not apply what came and was not begun', async () => {
    const begun: unknown[] = []
    const handler = new Question<void>()
    const { core, open, clock } = fakeServer({ ...users, onMessage: ({ data }) => (begun.push(data), handler.ask()) })
    const peer = await open(as('ada'))
    peer.say({ type: 'send', confirmed: 0, messages: numberedMessages(1, 3) })
    await clock.settle()
    await core.rights.disconnect('ada', 'forbidden')
    handler.answer()
    await clock.settle()
    expect(begun).toEqual([1])
  })

  it.each(['disconnect', 'revoke'] as const)(
    '[RT1] [RT3] %s ends a hello that is being answered: the app had said yes before',
    async (end) => {
      const question = new Question<{ user: string }>()
      const { core, open, clock } = fakeServer({ authenticate: question.ask })
      const peer = await open(as('ada', reads('news')))
      await (end === 'revoke' ? core.rights.revoke('ada') : core.rights.disconnect('ada', 'unauthenticated'))
      question.answer({ user: 'ada' })
      await clock.settle()
      // Its credential was not judged: the client is to come again, and not to stay away.
      expect([peer.closedWith?.code, peer.received]).toEqual([1001, []])
    },
  )

  it('[RT1] ends the session that a hello names before it has it', async () => {
    const question = new Question<{ user: string }>()
    let isQuick = true
    const server = fakeServer({ authenticate: () => (isQuick ? { user: 'ada' } : question.ask()) })
    const first = await server.open(as('ada'))
    const { session } = first.last('session_init')
    first.drop()
    isQuick = false
    const second = await server.open(as('ada', { session }))
    await server.core.rights.disconnect({ session: session.id }, 'forbidden')
    question.answer({ user: 'ada' })
    await server.clock.settle()
    expect([second.closedWith?.code, second.received]).toEqual([4403, []])
  })

  it('[RT1] refuses what is no user, no session and no reason, and after the end of the server', async () => {
    const { core } = fakeServer()
    const wrong = [
      () => core.rights.disconnect('', 'forbidden'),
      () => core.rights.disconnect({ session: 'x' }, 'forbidden'),
      () => core.rights.disconnect(null as never, 'forbidden'),
      () => core.rights.disconnect('ada', 'because' as never),
      () => core.rights.unsubscribe('ada', '@user'),
      () => core.rights.revoke(7 as never),
    ]
    for (const call of wrong) await expect(call()).rejects.toMatchObject({ code: 'invalid-data' })
    await core.close(0)
    await expect(core.rights.revoke('ada')).rejects.toMatchObject({ code: 'closed' })
  })

  it('[RT1] [I24] leaves nothing of connections that are gone', async () => {
    const { core, open } = fakeServer(users)
    for (let at = 0; at < 3; at++) (await open(as('ada'))).drop()
    await core.rights.disconnect('ada', 'forbidden')
    expect(core.metrics()).toMatchObject({ sockets: 0 })
    expect(JSON.stringify(core.metrics().totals)).not.toContain('closes.forbidden')
  })
})

describe('unsubscribe', () => {
  it('[RT2] [I28] ends one channel of one user: nothing more of it is sent, and the rest goes on', async () => {
    const { core, open, clock } = fakeServer(users)
    const [ada, again, bob] = [
      await open(as('ada', reads('room', 'news'))),
      await open(as('ada', reads('room'))),
      await open(as('bob', reads('room'))),
    ]
    await core.publish('room', 'before')
    await clock.settle()
    await core.rights.unsubscribe('ada', 'room')
    await core.publish('room', 'after')
    await core.publish('news', 'after')
    await clock.settle()
    for (const peer of [ada, again]) {
      expect(peer.last('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
      expect(peer.messagesOf(1).map(({ data }) => data)).toEqual(['before'])
      expect(peer.closedWith).toBeUndefined()
    }
    expect(ada.messagesOf(2)).toHaveLength(1)
    expect(bob.messagesOf(1)).toHaveLength(2)
  })

  it('[RT2] ends what waits for permission or for a value: the app had said yes before', async () => {
    const may = new Question<boolean>()
    const value = new Question<string>()
    let asked = 0
    const { core, open, clock } = fakeServer({ ...users, authorize: () => (asked++ === 0 ? may.ask() : true), snapshot: value.ask })
    const peer = await open(as('ada', reads('asking', 'loading')))
    await core.rights.unsubscribe('ada', 'asking')
    await core.rights.unsubscribe('ada', 'loading')
    may.answer(true)
    value.answer('secret')
    await clock.settle()
    expect(peer.all('refused')).toMatchObject([
      { sub: 1, reason: 'forbidden' },
      { sub: 2, reason: 'forbidden' },
    ])
    expect(peer.all('subscribed')).toEqual([])
    expect(core.metrics().channelsRead).toBe(0)
  })

  it('[RT2] ends a value that is on its way', async () => {
    const { core, open, clock } = fakeServer({ ...users, snapshot: () => 'x'.repeat(200_000) })
    const peer = await open(as('ada'))
    peer.isStalled = true
    peer.say({ type: 'subscribe', subscriptions: [{ sub: 9, channel: 'room', cursor: null }] })
    await clock.settle()
    await core.rights.unsubscribe('ada', 'room')
    peer.isStalled = false
    for (let at = 0; at < 50; at++) {
      peer.read()
      await clock.settle()
    }
    expect(peer.all('subscribed')).toEqual([])
    expect(peer.all('refused')).toMatchObject([{ sub: 9, reason: 'forbidden' }])
  })

  it('[RT2] ends a replay in the middle', async () => {
    const { core, open, clock } = fakeServer(users)
    const first = await open(as('ada', reads('room')))
    const { head } = first.last('subscribed')
    for (let at = 0; at < 600; at++) await core.publish('room', `${at}`.repeat(100))
    const peer = await open(as('ada'))
    peer.isStalled = true
    peer.say({ type: 'subscribe', subscriptions: [{ sub: 9, channel: 'room', cursor: head }] })
    await clock.settle()
    await core.rights.unsubscribe('ada', 'room')
    const before = peer.messagesOf(9).length
    peer.isStalled = false
    peer.read()
    await clock.settle()
    expect(before).toBeLessThan(600)
    expect(peer.messagesOf(9)).toHaveLength(before)
  })

  it('[RT2] [P29] who subscribes again is judged anew', async () => {
    let isMember = true
    const { core, open, clock } = fakeServer({ ...users, authorize: () => isMember })
    const peer = await open(as('ada', reads('room')))
    const cursor = peer.last('subscribed').head
    isMember = false
    await core.rights.unsubscribe('ada', 'room')
    peer.say({ type: 'subscribe', subscriptions: [{ sub: 2, channel: 'room', cursor }] })
    await clock.settle()
    expect(peer.all('refused').map(({ sub }) => sub)).toEqual([1, 2])
    isMember = true
    peer.say({ type: 'subscribe', subscriptions: [{ sub: 3, channel: 'room', cursor }] })
    await clock.settle()
    expect(peer.last('subscribed')).toMatchObject({ sub: 3, verdict: 'recovered' })
  })
})

describe('revoke', () => {
  const outboxOf = (peer: FakePeer): Partial<Hello> => ({ client: peer.client, user: 'ada', outboxToken: peer.answer().outboxToken ?? '' })

  it('[RT3] [P42] [I35] ends the outbox tokens of every client of the user, whatever the clock says, and of nobody else', async () => {
    const { core, open } = fakeServer(users)
    const [phone, laptop, bob] = [await open(as('ada')), await open(as('ada')), await open(as('bob'))]
    await core.rights.revoke('ada')
    expect([phone, laptop, bob].map((peer) => peer.closedWith?.code)).toEqual([4401, 4401, undefined])
    for (const peer of [phone, laptop]) expect((await open(outboxOf(peer))).closedWith?.code).toBe(4401)
    bob.drop()
    expect((await open({ ...outboxOf(bob), user: 'bob' })).last('send_only')).toBeDefined()
    const back = await open(as('ada', { client: phone.client }))
    back.drop()
    expect((await open({ ...outboxOf(back), client: phone.client })).last('send_only')).toBeDefined()
  })

  it('[RT3] [P42] ends a connection that uses one at once: what was not begun is not applied', async () => {
    const begun: unknown[] = []
    const handler = new Question<void>()
    const { core, open, clock } = fakeServer({ ...users, onMessage: ({ data }) => (begun.push(data), handler.ask()) })
    const hub = await open(as('ada'))
    hub.drop()
    const worker = await open(outboxOf(hub))
    worker.say({ type: 'send', confirmed: 0, messages: numberedMessages(1, 3) })
    await clock.settle()
    await core.rights.revoke('ada')
    handler.answer()
    await clock.settle()
    expect([worker.closedWith?.code, begun]).toEqual([4401, [1]])
  })

  it('[RT1] a disconnect ends no outbox token', async () => {
    const { core, open } = fakeServer(users)
    const hub = await open(as('ada'))
    await core.rights.disconnect('ada', 'forbidden')
    expect((await open(outboxOf(hub))).last('send_only')).toBeDefined()
  })
})

describe('several nodes', () => {
  /** Two servers on one engine, as far as endings go: each is told what the other ends. */
  function twoNodes(options: Parameters<typeof fakeServer>[0]): readonly [FakeServer, FakeServer] {
    const inner = memoryEngine()
    const nodes: FakeServer[] = []
    const tell = (ending: Parameters<FakeServer['core']['rights']['ended']>[0]): void => {
      for (const { core } of nodes) core.rights.ended(ending)
    }
    const engineOf = (isFirst: boolean): ReturnType<typeof memoryEngine> =>
      new Proxy(inner, {
        get(target, key) {
          if (key === 'start')
            return (host: Parameters<typeof inner.start>[0]) => (isFirst ? inner.start({ ...host, ended: tell }) : undefined)
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
    const [first, second] = [fakeServer({ ...options, engine: engineOf(true) }), fakeServer({ ...options, engine: engineOf(false) })]
    nodes.push(first, second)
    return [first, second]
  }

  it('[RT1] [RT2] [RT3] what ends on one ends on all, and an outbox token on every one', async () => {
    const [here, there] = twoNodes(users)
    const [near, far] = [await here.open(as('ada', reads('room'))), await there.open(as('ada', reads('room')))]
    await here.core.rights.unsubscribe('ada', 'room')
    for (const peer of [near, far]) expect(peer.last('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
    const token = far.answer().outboxToken ?? ''
    await here.core.rights.revoke('ada')
    expect([near.closedWith?.code, far.closedWith?.code]).toEqual([4401, 4401])
    for (const node of [here, there])
      expect((await node.open({ client: far.client, user: 'ada', outboxToken: token })).closedWith?.code).toBe(4401)
  })
})

describe('a credential that is renewed', () => {
  const renewing = async (authorize: (channel: string) => boolean | Promise<boolean>) => {
    const server = fakeServer({ ...users, authorize: ({ channel }) => authorize(channel) })
    const peer = await server.open(as('ada', reads('room', 'news', '@user')))
    const renew = async (): Promise<void> => {
      peer.say({ type: 'authenticate', credential: 'ada' })
      await server.clock.settle()
    }
    return { ...server, peer, renew }
  }

  it('[RT4] [I28] has the app asked again about every channel but the own one: a right that has gone ends', async () => {
    const asked: string[] = []
    let isMember = true
    const { core, peer, renew, clock } = await renewing((channel) => (asked.push(channel), channel !== 'room' || isMember))
    await core.publish('room', 'before')
    await clock.settle()
    asked.length = 0
    isMember = false
    await renew()
    await core.publish('room', 'after')
    await clock.settle()
    expect(asked).toEqual(['room', 'news'])
    expect(peer.all('refused')).toMatchObject([{ sub: 1, reason: 'forbidden' }])
    expect(peer.messagesOf(1).map(({ data }) => data)).toEqual(['before'])
  })

  it('[RT4] one that fails once takes nothing away and says so in the log; the second time in a row it does', async () => {
    let isDown = false
    const { peer, renew, logs } = await renewing(() => (isDown ? Promise.reject(new Error('the database is away')) : true))
    for (const down of [true, false, true]) {
      isDown = down
      await renew()
    }
    expect(peer.all('refused')).toEqual([])
    expect(logs).toContainEqual({ level: 'error', event: 'right_held', channel: 'room' })
    await renew()
    expect(peer.all('refused').map(({ sub }) => sub)).toEqual([1, 2])
    expect(peer.closedWith).toBeUndefined()
  })

  it('[RT4] one that does not answer is one that fails', async () => {
    let isDown = false
    const { peer, renew, clock } = await renewing(() => (isDown ? new Promise(() => {}) : true))
    isDown = true
    const beating = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 10_000) {
        peer.say({ type: 'ping' })
        await clock.pass(10_000)
      }
    }
    await renew()
    await beating(40_000)
    expect(peer.all('refused')).toEqual([])
    await renew()
    await beating(40_000)
    expect(peer.all('refused')).toHaveLength(2)
  })
})

describe('whom the app lets in', () => {
  it('[P5] nobody in particular is a valid answer', async () => {
    const seen: unknown[] = []
    const { open, clock } = fakeServer({
      authenticate: ({ credential }) => (credential === null ? { user: null } : { user: credential }),
      onMessage: (_message, { user }) => void seen.push(user),
    })
    const peer = await open()
    expect(peer.answer().user).toBeNull()
    peer.say({ type: 'send', confirmed: 0, messages: numberedMessages(1, 1) })
    await clock.settle()
    expect(seen).toEqual([null])
    expect((await open(as('ada'))).answer().user).toBe('ada')
    expect((await open({ user: null, credential: 'ada' })).closedWith?.code).toBe(4411)
  })

  it('[P5] an answer that forgets the user lets nobody in', async () => {
    const { open } = fakeServer({ authenticate: () => ({}) as { user: null } })
    expect((await open()).closedWith?.code).toBe(4401)
  })

  it('[P5] what else it says reaches the other hooks, and a renewed credential changes it', async () => {
    const seen: unknown[] = []
    const { open, clock } = fakeServer({
      authenticate: ({ credential }) => ({ user: 'ada', expiresAtMs: Infinity, tenant: 't', role: credential }),
      authorize: ({ action, context }) => (seen.push([action, context]), true),
      snapshot: (channel, { context }) => void seen.push([channel, context]),
      onMessage: (_message, { context }) => void seen.push(['message', context?.role]),
    })
    const peer = await open({ user: 'ada', credential: 'guest', ...reads('room', '@user') })
    const context = { tenant: 't', role: 'guest' }
    expect(seen).toEqual([
      ['subscribe', context],
      // Whoever asks for it gets the same value: it must not depend on the first of them.
      ['room', null],
      ['@user', context],
    ])
    seen.length = 0
    peer.say({ type: 'authenticate', credential: 'owner' })
    await clock.settle()
    peer.say({ type: 'send', confirmed: 0, messages: numberedMessages(1, 1) })
    await clock.settle()
    expect(seen).toEqual([
      ['subscribe', { tenant: 't', role: 'owner' }],
      ['send', { tenant: 't', role: 'owner' }],
      ['message', 'owner'],
    ])
  })

  it('[P28] two connections of a user that are told different things do not share a value of the own channel', async () => {
    const value = new Question<void>()
    const { open, clock } = fakeServer({
      authenticate: ({ credential }) => ({ user: 'ada', role: credential }),
      snapshot: async (_channel, { context }) => {
        await value.ask()
        return context?.['role' as never] ?? null
      },
    })
    const one = await open({ user: 'ada', credential: 'guest', ...reads('@user') })
    const first = value.answer
    const two = await open({ user: 'ada', credential: 'owner', ...reads('@user') })
    first()
    value.answer()
    await clock.settle()
    expect([one, two].map((peer) => peer.last('subscribed'))).toMatchObject([{ value: 'guest' }, { value: 'owner' }])
  })
})

describe('authorizeOutbox', () => {
  const workerOf = async (server: FakeServer): Promise<FakePeer> => {
    const hub = await server.open(as('ada'))
    hub.drop()
    return server.open({ client: hub.client, user: 'ada', outboxToken: hub.answer().outboxToken ?? '' })
  }

  it('[RT5] is asked at every hello with a token, and what it gives is the context of what is sent', async () => {
    const asked: unknown[] = []
    const seen: unknown[] = []
    const server = fakeServer({
      authenticate: ({ credential }) => ({ user: credential, role: 'tab' }),
      authorizeOutbox: (outbox) => (asked.push(outbox), { role: 'outbox' }),
      authorize: ({ session, context }) => (seen.push([session, context]), true),
      onMessage: (_message, { session, context }) => void seen.push([session, context]),
    })
    const worker = await workerOf(server)
    worker.say({ type: 'send', confirmed: 0, messages: numberedMessages(1, 1) })
    await server.clock.settle()
    expect(asked).toEqual([{ user: 'ada', client: expect.stringMatching(/^[\w-]{22}$/) as unknown }])
    expect(seen).toEqual([
      [null, { role: 'outbox' }],
      [null, { role: 'outbox' }],
    ])
  })

  it.each([
    ['true', () => true, undefined],
    ['false', () => false, 4403],
    ['null', () => null, 4403],
    ['what it must not', () => 'yes' as never, 4403],
    ['later false', async () => Promise.resolve(false), 4403],
    ['an error', () => Promise.reject(new Error('away')), 1011],
  ])('[RT5] gives %s', async (_, authorizeOutbox, code) => {
    const server = fakeServer({ ...users, authorizeOutbox })
    const worker = await workerOf(server)
    expect(worker.closedWith?.code).toBe(code)
    expect(worker.all('send_only')).toHaveLength(code === undefined ? 1 : 0)
    worker.drop()
    expect(server.core.metrics()).toMatchObject({ sendOnly: 0, waiting: 0 })
  })

  it('[RT3] [RT5] who is revoked while it is asked is not let in', async () => {
    const question = new Question<boolean>()
    const server = fakeServer({ ...users, authorizeOutbox: question.ask })
    const worker = await workerOf(server)
    await server.core.rights.revoke('ada')
    question.answer(true)
    await server.clock.settle()
    expect([worker.closedWith?.code, worker.received]).toEqual([4401, []])
  })
})

describe('how long an outbox token lives', () => {
  const MINUTE_MS = 60_000
  const DAY_MS = 86_400_000
  const expiring = (sendOnly: true | 'until-credential-ends'): FakeServer => {
    const server: FakeServer = fakeServer({
      authenticate: ({ credential }) => ({ user: credential, expiresAtMs: server.clock.wallMs() + 15 * MINUTE_MS }),
      sessions: { sweepMs: DAY_MS },
      sendOnly,
    })
    return server
  }

  it.each([
    [true, 3 * DAY_MS, undefined],
    ['until-credential-ends', 14 * MINUTE_MS, undefined],
    ['until-credential-ends', 16 * MINUTE_MS, 4401],
  ] as const)('[RT6] with a credential of 15 minutes and sendOnly: %s, after %i ms away', async (sendOnly, awayMs, code) => {
    const { open, clock } = expiring(sendOnly)
    const hub = await open(as('ada'))
    hub.drop()
    clock.advance(awayMs)
    const worker = await open({ client: hub.client, user: 'ada', outboxToken: hub.answer().outboxToken ?? '' })
    expect(worker.closedWith?.code).toBe(code)
  })
})

describe('an outbox token that ends with the credential', () => {
  it('[RT6] ends with the client record where the credential does not', async () => {
    const DAY_MS = 86_400_000
    const { open, clock } = fakeServer({ ...users, sendOnly: 'until-credential-ends', sessions: { clientTtlMs: 2 * DAY_MS } })
    const hub = await open(as('ada'))
    hub.drop()
    const worker = async (): Promise<FakePeer> => open({ client: hub.client, user: 'ada', outboxToken: hub.answer().outboxToken ?? '' })
    const early = await worker()
    expect(early.all('send_only')).toHaveLength(1)
    early.drop()
    clock.advance(2 * DAY_MS)
    expect((await worker()).closedWith?.code).toBe(4401)
  })

  it('[RT6] is followed by another when that is renewed, and no other is', async () => {
    for (const sendOnly of [true, 'until-credential-ends'] as const) {
      const server: FakeServer = fakeServer({
        authenticate: ({ credential }) => ({ user: credential, expiresAtMs: server.clock.wallMs() + 15 * 60_000 }),
        sendOnly,
      })
      const hub = await server.open(as('ada'))
      server.clock.advance(14 * 60_000)
      hub.say({ type: 'authenticate', credential: 'ada' })
      await server.clock.settle()
      const given = hub.all('outbox_token').map(({ outboxToken }) => outboxToken)
      expect(given).toHaveLength(sendOnly === true ? 0 : 1)
      hub.drop()
      server.clock.advance(14 * 60_000)
      const worker = await server.open({ client: hub.client, user: 'ada', outboxToken: given[0] ?? hub.answer().outboxToken ?? '' })
      expect(worker.last('send_only')).toBeDefined()
    }
  })
})

describe('the key of a message', () => {
  const heard = (): { readonly keys: string[]; readonly server: FakeServer } => {
    const keys: string[] = []
    const server = fakeServer({ ...users, onMessage: (message) => void keys.push({ ...message }.key) })
    return { keys, server }
  }
  const say = async ({ clock }: FakeServer, peer: FakePeer, id: string): Promise<void> => {
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id, channel: 'room', data: 1 }] })
    await clock.settle()
  }

  it('[RT7] is the same under another client id, on another server, by every path; and not what anybody else can have', async () => {
    const id = freshId()
    const sender = freshId()
    const [one, two] = [heard(), heard()]
    await say(one.server, await one.server.open(as('ada')), id)
    await say(two.server, await two.server.open(as('ada')), id)
    await say(two.server, await two.server.open(as('bob')), id)
    await say(one.server, await one.server.open({ sender }), id)
    await say(two.server, await two.server.open({ sender }), id)
    await say(two.server, await two.server.open(), id)
    expect([one.keys[0], one.keys[1]]).toEqual([two.keys[0], two.keys[2]])
    expect(new Set([...one.keys, ...two.keys]).size).toBe(4)
    for (const key of one.keys) expect(key).toMatch(/^[\w-]{43}$/)
    // A user who is named like a sender is somebody else.
    await say(one.server, await one.server.open(as(sender)), id)
    expect(new Set(one.keys).size).toBe(3)
  })

  it('[RT7] what is not durable has one, too, and no frame of the server ever names a sender', async () => {
    const keys: string[] = []
    const server = fakeServer({ onMessage: ({ key, channel, data }, { publish }) => (keys.push(key), publish(channel, data)) })
    const peer = await server.open(reads('room'))
    peer.say({ type: 'volatile', messages: [{ id: freshId(), channel: 'room', data: 1 }] })
    await say(server, peer, freshId())
    expect(keys).toHaveLength(2)
    expect(peer.frames.join('\n')).not.toContain(peer.sender)
  })
})

describe('what comes in between', () => {
  /** An engine of which one call answers when the test says so. */
  const waiting = (name: 'open' | 'start'): { readonly engine: ReturnType<typeof memoryEngine>; readonly go: () => void } => {
    const inner = memoryEngine()
    const going: (() => void)[] = []
    const engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        const call = value.bind(target) as (...given: unknown[]) => unknown
        if (key !== name) return call
        return (...given: unknown[]) => new Promise((resolve) => going.push(() => resolve(call(...given))))
      },
    })
    return { engine, go: () => going.splice(0).forEach((one) => one()) }
  }

  it('[RT2] a channel that is opened for somebody whose right has ended meanwhile is let go of', async () => {
    const { engine, go } = waiting('open')
    const { core, open, clock } = fakeServer({ ...users, engine })
    const peer = await open(as('ada', reads('room')))
    await core.rights.unsubscribe('ada', 'room')
    go()
    await clock.settle()
    expect([peer.all('refused').length, peer.all('subscribed').length, core.metrics().channelsRead]).toEqual([1, 0, 0])
  })

  it('[RT1] nothing is ended before the engine has started', async () => {
    const { engine, go } = waiting('start')
    const { core, clock } = fakeServer({ ...users, engine })
    const end = vi.spyOn(core.engine, 'end')
    const ending = core.rights.disconnect('ada', 'forbidden')
    await clock.settle()
    expect(end).not.toHaveBeenCalled()
    go()
    await ending
    expect(end).toHaveBeenCalledOnce()
  })

  it('[RT4] [P32] where several credentials were given, the last one decides', async () => {
    const answers: ((answer: { user: string } | null) => void)[] = []
    const { open, clock } = fakeServer({
      authenticate: ({ credential }) =>
        credential === 'ada' ? { user: 'ada' } : new Promise<{ user: string } | null>((resolve) => answers.push(resolve)),
    })
    const peer = await open(as('ada'))
    for (const credential of ['first', 'second']) peer.say({ type: 'authenticate', credential })
    await clock.settle()
    answers[1]?.({ user: 'ada' })
    answers[0]?.(null)
    await clock.settle()
    expect([answers.length, peer.closedWith]).toEqual([2, undefined])
  })

  it('[RT1] [I24] a connection that is gone is remembered by nobody', async () => {
    const { open, clock } = fakeServer(users)
    const leave = async (): Promise<WeakRef<FakePeer>> => {
      const peer = await open(as('ada', reads('room')))
      peer.drop()
      return new WeakRef(peer)
    }
    const held = await leave()
    await clock.pass(120_000)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    await expect.poll(() => [collect(), held.deref() === undefined]).toEqual([undefined, true])
  })
})
