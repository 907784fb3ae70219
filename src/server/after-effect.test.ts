import { describe, expect, it } from 'vitest'
import { fakeServer, freshId, type FakePeer } from './testing/fake-peer.ts'
import { Rejected } from './rejected.ts'
import type { MessageContext } from './options.ts'
import { HoldfastError, type Outcome, type Send } from '../protocol/index.ts'

const send = (from: number, ...data: readonly unknown[]): Send => ({
  type: 'send',
  confirmed: 0,
  messages: data.map((one, at) => ({ n: from + at, id: freshId(), channel: 'in', data: one })),
})

const outcomes = (peer: FakePeer): Outcome[] => peer.all('ack').flatMap((ack) => ack.outcomes)

const cycle: { self?: unknown } = {}
cycle.self = cycle
const nested = JSON.parse('['.repeat(60) + ']'.repeat(60)) as unknown
const throwing = new Proxy<{ readonly any?: unknown }>(
  {},
  {
    get() {
      throw new Error('a getter')
    },
  },
)

/** What a handler may return and nobody can be told. */
const REPLIES: readonly [string, unknown, string][] = [
  ['a BigInt', { id: 1n }, 'invalid'],
  ['a cycle', cycle, 'invalid'],
  ['a function', () => 1, 'invalid'],
  ['a symbol', Symbol('x'), 'invalid'],
  ['a toJSON that throws', { toJSON: () => throwing.any }, 'invalid'],
  ['an object that throws when it is looked at', throwing, 'invalid'],
  ['61 levels', nested, 'invalid'],
  ['more than a message may hold', 'x'.repeat(300_000), 'too-large'],
]

describe('a handler that has returned', () => {
  it.each(REPLIES.flatMap(([name, reply, why]) => [false, true].map((later) => [name, later ? 'later' : 'at once', reply, why] as const)))(
    '[EF1] [I7] [I14] is not called again for its reply, and the sender is told why there is none: %s, %s',
    async (_, when, reply, why) => {
      let runs = 0
      const { open, core, clock, logs } = fakeServer({
        onMessage({ data }, { publish }) {
          if (data === 'next') return 'ok'
          runs++
          publish('a', data)
          // An object with a `then` that throws cannot be what a promise gives.
          return when === 'at once' || reply === throwing ? reply : Promise.resolve(reply)
        },
      })
      const peer = await open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
      const frame = send(1, 'row', 'next')
      peer.say(frame)
      await clock.settle()
      expect([runs, outcomes(peer)]).toEqual([
        1,
        [
          { n: 1, replyLost: why },
          { n: 2, reply: 'ok' },
        ],
      ])
      expect(peer.messagesOf(1).map(({ data }) => data)).toEqual(['row'])
      const { id } = frame.messages[0] ?? { id: '' }
      expect(logs).toEqual([{ level: 'error', event: 'reply_lost', id, channel: 'in', why }])
      expect(core.metrics().totals).toMatchObject({ applied: 2, [`repliesLost.${why}`]: 1 })
      // Asked again, and by somebody who asks what became of it: the same.
      peer.say({ ...frame, messages: frame.messages.slice(0, 1) })
      const asking = await open()
      asking.say({ type: 'recall', client: peer.client, ids: [id] })
      await clock.settle()
      expect(outcomes(peer).at(-1)).toEqual({ n: 1, replyLost: why })
      expect([runs, asking.last('recalled').fates]).toEqual([1, [{ id, fate: 'applied', replyLost: why }]])
    },
  )

  it('[EF1] has no reply to a message that is not durable, whatever it returns', async () => {
    const { open, core, clock, logs } = fakeServer({ onMessage: (_message, { publish }) => (publish('a', 1), 1n) })
    const peer = await open()
    peer.say({ type: 'volatile', messages: [{ id: freshId(), channel: 'in', data: 1 }] })
    await clock.settle()
    expect([core.metrics().logMessages, logs]).toEqual([1, []])
  })

  it('[EF1] [P19] a reply that fits no `recalled` is said to be dropped', async () => {
    const { open, clock } = fakeServer({ onMessage: () => 'x'.repeat(200_000) })
    const peer = await open()
    const frame = send(1, 1, 2, 3, 4, 5, 6)
    peer.say(frame)
    await clock.settle()
    const asking = await open()
    asking.say({ type: 'recall', client: peer.client, ids: frame.messages.map(({ id }) => id) })
    await clock.settle()
    const { fates } = asking.last('recalled')
    expect(fates.map((fate) => ('replyLost' in fate ? fate.replyLost : 'reply' in fate))).toEqual([
      true,
      true,
      true,
      true,
      'dropped',
      'dropped',
    ])
  })
})

/** What a handler may try to publish in vain. */
const UNPUBLISHABLE: readonly [string, (context: MessageContext) => void][] = [
  ['a cycle', ({ publish }) => publish('a', cycle)],
  ['more than a message may hold', ({ publish }) => publish('a', 'x'.repeat(300_000))],
  ['61 levels', ({ publish }) => publish('a', nested)],
  ['to what is no channel', ({ publish }) => publish('room/Zürich', 1)],
  ['to what is no user', ({ sendToUser }) => sendToUser('', 1)],
  [
    'a cycle, and says so in an error of its own',
    ({ publish }) => {
      try {
        publish('a', cycle)
      } catch (cause) {
        throw new TypeError('no luck', { cause })
      }
    },
  ],
]

describe('a handler that fails over what it publishes', () => {
  it.each(UNPUBLISHABLE)('[EF2] [I14] has failed for good, and nothing of it is published: %s', async (_, act) => {
    let runs = 0
    const { open, core, clock } = fakeServer({
      onMessage: ({ data }, context) => {
        if (data === 'next') return
        runs++
        context.publish('a', 'before')
        act(context)
      },
    })
    const peer = await open()
    peer.say(send(1, 'bad', 'next'))
    await clock.settle()
    expect(runs).toBe(1)
    expect(outcomes(peer)).toEqual([{ n: 1, rejected: 'unpublishable', message: 'what the handler publishes cannot be published' }])
    expect(peer.last('ack').hi).toBe(2)
    expect(core.metrics()).toMatchObject({ logMessages: 0, totals: { applied: 1, rejected: 1, handlerFailures: 1 } })
  })

  it('[EF2] has done its work where it does not let the error out', async () => {
    const { open, clock } = fakeServer({
      onMessage: (_message, { publish }) => {
        try {
          publish('a', cycle)
        } catch {
          return 'without'
        }
      },
    })
    const peer = await open()
    peer.say(send(1, 1))
    await clock.settle()
    expect(outcomes(peer)).toEqual([{ n: 1, reply: 'without' }])
  })

  it('[EF2] an error of the app that has such a code is one that may pass', async () => {
    let runs = 0
    const { open, clock } = fakeServer({
      onMessage: () => {
        if (++runs < 3) throw Object.assign(new Error('of a database'), { code: 'invalid-data' })
      },
    })
    const peer = await open()
    peer.say(send(1, 1))
    await clock.pass(5_000)
    expect([runs, peer.last('ack').outcomes]).toEqual([3, []])
  })
})

describe('errors from another copy of the package', () => {
  /** The same names and codes, and no class in common. */
  class OtherRejected extends Error {
    override readonly name: string = 'Rejected'
    static {
      Object.defineProperty(this.prototype, Symbol.for('holdfast.Rejected'), { value: true })
    }
  }
  class NameTaken extends OtherRejected {
    override readonly name = 'NameTaken'
  }
  class OtherHoldfastError extends Error {
    override readonly name = 'HoldfastError'
    readonly code = 'invalid-data'
  }

  it.each([
    ['rejected', () => new OtherRejected('name is taken')],
    ['rejected', () => new NameTaken('name is taken')],
    ['rejected', () => new (class extends Rejected {})('name is taken')],
    ['unpublishable', () => new OtherHoldfastError('from another server of this process')],
  ])('[EF2] mean what they say: %s', async (rejection, make) => {
    let runs = 0
    const { open, clock } = fakeServer({
      onMessage: () => {
        runs++
        throw make()
      },
    })
    const peer = await open()
    peer.say(send(1, 1))
    await clock.settle()
    expect([runs, outcomes(peer)]).toMatchObject([1, [{ n: 1, rejected: rejection }]])
  })

  it('[EF2] an error of the app that is only called so is none', async () => {
    const { open, clock } = fakeServer({
      onMessage: ({ n }) => {
        if (n === 1) throw Object.assign(new Error('of a queue'), { name: 'Rejected' })
      },
    })
    const peer = await open()
    peer.say(send(1, 1))
    await clock.pass(10_000)
    expect(outcomes(peer)).toMatchObject([{ rejected: 'failed' }])
  })

  it('[EF2] [P5] a user who may not connect is known by the code alone', async () => {
    const { peer: connect, clock } = fakeServer({
      authorize: () => true,
      authenticate: () => {
        // Of another realm, as in a test runner's sandbox.
        const error: unknown = Object.assign(Object.create(null) as object, new HoldfastError('forbidden', 'no').toData())
        throw error
      },
    })
    const peer = connect()
    peer.hello({ credential: 'x' })
    await clock.settle()
    expect(peer.closedWith?.name).toBe('forbidden')
  })
})
