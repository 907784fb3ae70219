import { describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import { fakeServer, freshId, type FakePeer } from './testing/fake-peer.ts'
import type { LiveServerOptions, MessageContext } from './options.ts'
import type { Outcome, Send } from '../protocol/index.ts'

const send = (from: number, ...data: readonly unknown[]): Send => ({
  type: 'send',
  confirmed: 0,
  messages: data.map((one, at) => ({ n: from + at, id: freshId(), channel: 'in', data: one })),
})

const outcomes = (peer: FakePeer): Outcome[] => peer.all('ack').flatMap((ack) => ack.outcomes)

/** Every way in which the channel `b` cannot be made. */
const IMPOSSIBLE: readonly [string, LiveServerOptions][] = [
  ['there is no room for it', { engine: memoryEngine({ maxChannels: 1 }) }],
  [
    'history() throws',
    {
      history: (channel) => {
        if (channel === 'b') throw new TypeError('no such kind')
        return {}
      },
    },
  ],
  ['history() gives a wrong number', { history: (channel) => (channel === 'b' ? { messages: 0 } : {}) }],
  ['history() gives an array', { history: (channel) => (channel === 'b' ? ([] as object) : {}) }],
  // A promise has no own fields: it would pass for the defaults.
  ['history() gives a promise', { history: (channel) => (channel === 'b' ? (Promise.resolve({}) as object) : {}) }],
]

describe('a handler that publishes to two channels, one of which cannot be made', () => {
  it.each(IMPOSSIBLE)(
    '[P45] [P10] [I7] [I14] publishes neither and is told so; it has failed, and the next message goes on: %s',
    async (_, options) => {
      const told: unknown[] = []
      const publish = ({ publish: to }: MessageContext): void => {
        to('a', 1)
        try {
          to('b', 2)
        } catch (error) {
          told.push((error as { code: string }).code)
          throw error
        }
      }
      const { open, core, clock } = fakeServer({
        ...options,
        onMessage: ({ data }, context) => (data === 'both' ? publish(context) : data),
      })
      const peer = await open()
      peer.say(send(1, 'both', 'next'))
      await clock.pass(60_000)
      expect(new Set(told).size).toBe(1)
      expect(['storage-full', 'invalid-option']).toContain(told[0])
      expect(outcomes(peer)).toMatchObject([
        // There may be room later; what has no history has none at the next try.
        { n: 1, rejected: told[0] === 'storage-full' ? 'failed' : 'unpublishable' },
        { n: 2, reply: 'next' },
      ])
      expect(core.metrics()).toMatchObject({ logMessages: 0 })
    },
  )

  it('[P45] may go on without it: what it published otherwise commits', async () => {
    const { open, core, clock } = fakeServer({
      engine: memoryEngine({ maxChannels: 1 }),
      onMessage: (_, { publish }) => {
        publish('a', 1)
        expect(() => publish('b', 2)).toThrow(expect.objectContaining({ code: 'storage-full' }))
        publish('a', 3)
        return 'one of them'
      },
    })
    const peer = await open()
    peer.say(send(1, 0))
    await clock.settle()
    expect(outcomes(peer)).toEqual([{ n: 1, reply: 'one of them' }])
    expect(core.metrics()).toMatchObject({ channels: 1, logMessages: 2 })
  })
})

describe('a handler of a user who has his share of channels', () => {
  it.each(['in time', 'and is volatile'])('[P45] [BU1] [BU4] is told so by whoever has room beside him: %s', async (how) => {
    const told: unknown[] = []
    const { open, core, clock } = fakeServer({
      engine: memoryEngine({ maxChannels: 400 }),
      authenticate: ({ credential }) => ({ user: credential ?? 'nobody' }),
      onMessage: ({ data }, { publish }) => {
        try {
          publish(String(data), 1)
        } catch (error) {
          told.push((error as { code: string }).code)
          throw error
        }
      },
    })
    const names = Array.from({ length: 25 }, (_, at) => `room:${at}`)
    const ada = await open({ user: 'ada', credential: 'ada' })
    const subscriptions = names.map((channel, at) => ({ sub: at + 1, channel, cursor: null }))
    const reader = await open({ user: 'nobody', subscriptions })
    for (const [at, name] of names.entries()) {
      if (how === 'in time' || at < 24) ada.say(send(at + 1, name))
      else ada.say({ type: 'volatile', messages: [{ id: freshId(), channel: 'in', data: name }] })
      await clock.settle()
    }
    await clock.pass(10_000)
    expect(new Set(told)).toEqual(new Set(['storage-full']))
    expect(outcomes(ada)).toMatchObject(how === 'in time' ? [{ n: 25, rejected: 'failed' }] : [])
    expect(core.metrics()).toMatchObject({ channels: 24, totals: { 'refused.channels': told.length } })
    const bob = await open({ user: 'bob', credential: 'bob' })
    bob.say(send(1, 'room:24'))
    await clock.settle()
    expect([outcomes(bob), reader.messagesOf(25)]).toMatchObject([[], [{ data: 1 }]])
  })
})

describe('room that is gone when the number commits', () => {
  it('[P45] [P14] [I14] fails those it is missing for, once, and nobody else: 120 messages, 100 channels', async () => {
    let calls = 0
    const { open, core, clock, logs } = fakeServer({
      engine: memoryEngine({ maxChannels: 100 }),
      limits: { sharePercent: 100 },
      onMessage: ({ data }, { publish }) => {
        calls++
        publish(`room:${String(data)}`, data)
        return data
      },
    })
    // What is read is not given up for another one.
    await open({ subscriptions: Array.from({ length: 100 }, (_, at) => ({ sub: at + 1, channel: `room:${at}`, cursor: null })) })
    const peer = await open()
    peer.say(send(1, ...Array.from({ length: 120 }, (_, at) => at)))
    await clock.settle()
    expect(peer.closedWith).toBeUndefined()
    expect(peer.last('ack').hi).toBe(120)
    expect(outcomes(peer).map((outcome) => ('reply' in outcome ? outcome.reply : 'rejected' in outcome && outcome.rejected))).toEqual(
      Array.from({ length: 120 }, (_, at) => (at < 100 ? at : 'unpublishable')),
    )
    expect([calls, core.metrics().logMessages]).toEqual([120, 100])
    expect(logs.filter((entry) => (entry as { event: string }).event === 'message_failed')).toHaveLength(20)
  })

  it('[P45] was taken while the handler took its time', async () => {
    const finish: (() => void)[] = []
    const { open, core, clock } = fakeServer({
      engine: memoryEngine({ maxChannels: 2 }),
      onMessage: async (_, { publish }) => {
        publish('a', 1)
        publish('b', 2)
        await new Promise<void>((resolve) => finish.push(resolve))
      },
    })
    const peer = await open()
    peer.say(send(1, 'slow'))
    await clock.settle()
    await core.publish('c', 1)
    finish[0]?.()
    await clock.settle()
    expect(outcomes(peer)).toMatchObject([{ n: 1, rejected: 'unpublishable' }])
    expect(core.metrics()).toMatchObject({ channels: 1, logMessages: 1 })
  })
})

describe('a volatile message', () => {
  it('[P18] [P45] whose handler publishes to what cannot be made publishes nothing, and ends no connection', async () => {
    const finish: (() => void)[] = []
    const { open, core, clock } = fakeServer({
      engine: memoryEngine({ maxChannels: 2 }),
      onMessage: async (_, { publish }) => {
        publish('a', 1)
        publish('b', 2)
        await new Promise<void>((resolve) => finish.push(resolve))
      },
    })
    const peer = await open()
    peer.say({ type: 'volatile', messages: [{ id: freshId(), channel: 'in', data: 1 }] })
    await clock.settle()
    await core.publish('c', 1)
    finish[0]?.()
    await clock.settle()
    expect(peer.closedWith).toBeUndefined()
    expect(core.metrics()).toMatchObject({ channels: 1, logMessages: 1, totals: { 'dropped.volatile': 1 } })
  })
})

describe('a channel whose history cannot be had', () => {
  it('[P45] [P29] is refused alone: the connection and its other channels go on, and what it held is given back', async () => {
    const { open, core, clock, logs } = fakeServer({
      history: (channel) => {
        if (channel.startsWith('typo')) throw new TypeError('no such kind')
        return {}
      },
    })
    const peer = await open({
      subscriptions: [
        { sub: 1, channel: 'room', cursor: null },
        { sub: 2, channel: 'typo', cursor: null },
      ],
    })
    expect(peer.last('refused')).toMatchObject({ sub: 2, reason: 'limit' })
    await core.publish('room', 1)
    await clock.settle()
    expect(peer.messagesOf(1)).toHaveLength(1)
    expect(logs).toContainEqual({ level: 'error', event: 'history_failed', channel: 'typo', error: 'TypeError' })
    await expect(core.publish('typo', 1)).rejects.toMatchObject({ code: 'invalid-option' })
    peer.say({ type: 'unsubscribe', subs: [1] })
    await clock.settle()
    expect(core.metrics()).toMatchObject({ channels: 1, channelsRead: 0 })
  })
})
