import { describe, expect, it } from 'vitest'
import { EPOCH, id, place, published } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import type { Cursor, ServerMessage } from '../protocol/messages.ts'
import { newcomer, perTest, say, settled, subOf, type TestWorld } from './test-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

/** The number of the one channel in `hello`: the first was given when the tab came. */
const SUB = 2

const value = (sub: number, offset: number, epoch: string = EPOCH, follows: boolean = true): ServerMessage => ({
  type: 'subscribed',
  sub,
  head: place(offset, epoch),
  verdict: 'snapshot',
  value: `v${offset}`,
  follows,
})
const recovered = (sub: number, offset: number, missed: number): ServerMessage => ({
  type: 'subscribed',
  sub,
  head: place(offset),
  verdict: 'recovered',
  missed,
})
const news = (sub: number, from: number, to: number): ServerMessage => ({
  type: 'messages',
  batches: [{ sub, messages: published(from, to) }],
})
const frames = (socket: SocketDouble, type: string) => socket.received.filter((frame) => frame.type === type)
const at = (channel: string, position: Cursor | null) => ({ channels: [{ channel, position }] })

/** A hub whose first tab has `agents` live at offset 3. */
async function liveHub() {
  const hub = world.hub()
  const one = world.tab(hub)
  await one.attach({ channels: [newcomer('agents')] })
  const socket = await world.accept()
  await say(socket, value(SUB, 3))
  return { hub, one, socket }
}

describe('the channels of a hub', () => {
  it('[HU1] gives two tabs the same from one subscription', async () => {
    const { hub, one, socket } = await liveHub()
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('agents')] })
    await say(socket, news(SUB, 4, 5))
    for (const tab of [one, two])
      expect(tab.heard('agents')).toEqual([
        { at: 3, value: '"v3"', stale: false },
        { at: 5, offsets: [4, 5] },
      ])
    expect(frames(socket, 'subscribe')).toEqual([])
  })

  it('[HU2] [I16] says with each delivery which subscription of the tab it is for', async () => {
    const tab = world.tab(world.hub())
    await tab.attach({ channels: [{ channel: 'agents', position: null, round: 7 }] })
    const socket = await world.accept()
    await say(socket, value(SUB, 3))
    await tab.hub.unsubscribe(['agents'])
    await tab.hub.subscribe([{ channel: 'agents', position: place(3), round: 8 }])
    await settled()
    await say(socket, recovered(subOf(socket, 'agents'), 3, 0), news(subOf(socket, 'agents'), 4, 4))
    expect(tab.heard('agents')).toEqual([
      { at: 3, value: '"v3"', stale: false, round: 7 },
      { recovered: 0, round: 8 },
      { at: 4, offsets: [4], round: 8 },
    ])
  })

  it('[HU1] tells the server when the last tab has left and when one wants the channel again', async () => {
    const { hub, one, socket } = await liveHub()
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('agents')] })
    await one.hub.unsubscribe(['agents'])
    expect(frames(socket, 'unsubscribe')).toEqual([])
    await two.hub.detach()
    expect(frames(socket, 'unsubscribe')).toEqual([{ type: 'unsubscribe', subs: [SUB] }])
    await one.hub.subscribe([newcomer('agents')])
    expect(frames(socket, 'subscribe')).toEqual([
      { type: 'subscribe', subscriptions: [{ sub: SUB + 1, channel: 'agents', cursor: place(3) }] },
    ])
  })

  it('[HU5] starts a late tab from the cache without asking the server', async () => {
    const { hub, socket } = await liveHub()
    await say(socket, news(SUB, 4, 6))
    const before = socket.received.length
    const late = world.tab(hub)
    await late.attach({ channels: [newcomer('agents')] })
    expect(late.heard('agents')).toEqual([{ at: 6, value: '"v3"', stale: false, offsets: [4, 5, 6] }])
    expect(socket.received).toHaveLength(before)
  })

  it('[HU5] starts a tab from a stored cache while there is no connection, as stale', async () => {
    const { socket } = await liveHub()
    await say(socket, news(SUB, 4, 4))
    world.clock.advance(1_000)
    await settled()
    await world.tabs[0]?.die()
    const next = world.hub()
    // The first hub dies with its locks.
    for (const { name = '' } of (await world.locks.query()).held ?? []) world.locks.take(name)
    const tab = world.tab(next)
    await tab.attach({ channels: [newcomer('agents')] })
    await settled()
    expect(tab.heard('agents')).toEqual([{ at: 4, value: '"v3"', stale: true, offsets: [4] }])
  })

  it('[HU5] asks the server once for a value that joins on', async () => {
    const { hub, one, socket } = await liveHub()
    await say(socket, news(SUB, 4, 1_100))
    const [two, three] = [world.tab(hub), world.tab(hub)]
    await two.attach({ channels: [newcomer('agents')] })
    await three.attach({ channels: [newcomer('agents')] })
    expect(frames(socket, 'snapshot_request')).toEqual([{ type: 'snapshot_request', sub: SUB, from: 100 }])
    await say(socket, value(SUB, 1_100, EPOCH, false))
    for (const tab of [two, three]) expect(tab.heard('agents')).toEqual([{ at: 1_100, value: '"v1100"', stale: false }])
    one.heard('agents')
    await say(socket, news(SUB, 1_101, 1_101))
    for (const tab of world.tabs) expect(tab.heard('agents')).toEqual([{ at: 1_101, offsets: [1_101] }])
  })

  it('[HU5] does not ask again for a value that came ahead of the messages', async () => {
    const { hub, socket } = await liveHub()
    await say(socket, news(SUB, 4, 1_100))
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('agents')] })
    await say(socket, value(SUB, 1_102, EPOCH, false))
    expect(two.heard('agents')).toEqual([])
    await say(socket, news(SUB, 1_101, 1_101))
    expect(frames(socket, 'snapshot_request')).toHaveLength(1)
    await say(socket, news(SUB, 1_102, 1_103))
    expect(two.heard('agents')).toEqual([{ at: 1_103, value: '"v1102"', stale: false, offsets: [1_103] }])
  })

  it('[HU5] [I32] asks again when the answer was lost with the connection, also while another channel has no value', async () => {
    const { hub, one, socket } = await liveHub()
    await one.hub.subscribe([newcomer('broken')])
    await say(socket, { type: 'reset', sub: subOf(socket, 'broken'), reason: 'hook-failed' }, news(SUB, 4, 1_100))
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('agents')] })
    expect(frames(socket, 'snapshot_request')).toHaveLength(1)
    socket.listener.closed(1006)
    world.clock.advance(5_000)
    const next = await world.accept()
    await say(next, recovered(subOf(next, 'agents'), 1_100, 0))
    expect(frames(next, 'snapshot_request')).toEqual([{ type: 'snapshot_request', sub: subOf(next, 'agents'), from: 100 }])
    await say(next, value(subOf(next, 'agents'), 1_100, EPOCH, false))
    expect(two.heard('agents')).toMatchObject([{ at: 1_100, value: '"v1100"' }])
  })

  it('[EF6] tells whoever waits that there is no value yet, once, and those that come later, and then gives it', async () => {
    const { hub, one, socket } = await liveHub()
    await one.hub.subscribe([newcomer('broken')])
    const failed = (): Promise<void> => say(socket, { type: 'reset', sub: subOf(socket, 'broken'), reason: 'hook-failed' })
    await failed()
    world.clock.advance(2_000)
    await settled()
    await failed()
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('broken')] })
    world.clock.advance(4_000)
    await settled()
    await failed()
    expect(one.heard('broken')).toEqual([{ reset: { reason: 'hook-failed' } }])
    expect(two.heard('broken')).toEqual([{ reset: { reason: 'hook-failed' } }])
    expect(one.status).toBe('connected')
    world.clock.advance(8_000)
    await settled()
    await say(socket, value(subOf(socket, 'broken'), 7))
    for (const tab of [one, two]) expect(tab.heard('broken')).toEqual([{ at: 7, value: '"v7"', stale: false }])
  })

  it('[EF6] tells a tab that had a place once, too, when the value after it fails again', async () => {
    const { one, socket } = await liveHub()
    one.heard('agents')
    const failed = (): Promise<void> => say(socket, { type: 'reset', sub: subOf(socket, 'agents'), reason: 'hook-failed' })
    await failed()
    for (const delayMs of [2_000, 4_000]) {
      world.clock.advance(delayMs)
      await settled()
      await failed()
    }
    expect(one.heard('agents')).toEqual([{ reset: { reason: 'hook-failed' } }])
    world.clock.advance(8_000)
    await settled()
    await say(socket, value(subOf(socket, 'agents'), 7))
    expect(one.heard('agents')).toEqual([{ at: 7, value: '"v7"', stale: false }])
    await failed()
    expect(one.heard('agents')).toEqual([{ reset: { reason: 'hook-failed' } }])
  })

  it.each(['invalid', 'too-large'] as const)(
    '[EF6] [EF3] refuses the tab that needs a value which can never be sent, and no other, and asks again for the next: %s',
    async (reason) => {
      const { hub, one, socket } = await liveHub()
      await say(socket, news(SUB, 4, 900), news(SUB, 901, 1_100))
      const two = world.tab(hub)
      await two.attach({ channels: [newcomer('agents')] })
      await say(socket, { type: 'no_value', sub: SUB, reason, message: 'why' })
      const code = reason === 'invalid' ? 'invalid-data' : 'message-too-large'
      expect(two.heard('agents')).toEqual([{ refused: { code, message: 'why' } }])
      one.heard('agents')
      await say(socket, news(SUB, 1_101, 1_101))
      expect([one.heard('agents'), two.heard('agents')]).toEqual([[{ at: 1_101, offsets: [1_101] }], []])
      const three = world.tab(hub)
      await three.attach({ channels: [newcomer('agents')] })
      expect(frames(socket, 'snapshot_request')).toHaveLength(2)
      await say(socket, value(SUB, 1_101, EPOCH, false))
      expect(three.heard('agents')).toEqual([{ at: 1_101, value: '"v1101"', stale: false }])
    },
  )

  it('[EF6] [EF4] tells the tab that waits for a value of a live channel, and no other, that there is none yet', async () => {
    const { hub, one, socket } = await liveHub()
    await say(socket, news(SUB, 4, 900), news(SUB, 901, 1_100))
    one.heard('agents')
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('agents')] })
    await say(socket, { type: 'no_value', sub: SUB, reason: 'hook-failed', message: 'tried again' })
    expect([one.heard('agents'), two.heard('agents')]).toEqual([[], [{ reset: { reason: 'hook-failed' } }]])
    await say(socket, value(SUB, 1_100, EPOCH, false))
    expect(two.heard('agents')).toEqual([{ at: 1_100, value: '"v1100"', stale: false }])
  })

  it('[HU2] recovers from a tab’s place where the hub has no cache', async () => {
    const tab = world.tab(world.hub())
    await tab.attach(at('agents', place(7)))
    const socket = await world.accept()
    expect(socket.received[0]?.['subscriptions']).toEqual([{ sub: SUB, channel: 'agents', cursor: place(7) }])
    await say(socket, recovered(SUB, 9, 2), { type: 'missed_messages', sub: SUB, messages: published(8, 9) })
    expect(tab.heard('agents')).toEqual([{ at: 9, offsets: [8, 9], recovered: 2 }])
  })

  it('[HU2] goes on from the lowest place of the tabs that come before the first verdict, where the hub has no cache', async () => {
    const hub = world.hub()
    const [ahead, behind] = [world.tab(hub), world.tab(hub)]
    await ahead.attach(at('agents', place(7)))
    await behind.attach(at('agents', place(5)))
    const socket = await world.accept()
    expect(socket.received[0]?.['subscriptions']).toMatchObject([{ channel: 'agents', cursor: { offset: 5 } }])
    const sub = subOf(socket, 'agents')
    await say(socket, recovered(sub, 8, 3), { type: 'missed_messages', sub, messages: published(6, 8) })
    expect(ahead.heard('agents')).toEqual([{ at: 8, offsets: [8], recovered: 1 }])
    expect(behind.heard('agents')).toEqual([{ at: 8, offsets: [6, 7, 8], recovered: 3 }])
  })

  it('[HU2] goes on from the place of a tab that comes after a newcomer, and asks for a value for that one', async () => {
    const hub = world.hub()
    const [fresh, behind] = [world.tab(hub), world.tab(hub)]
    await fresh.attach({ channels: [newcomer('agents')] })
    await behind.attach(at('agents', place(5)))
    const socket = await world.accept()
    expect(socket.received[0]?.['subscriptions']).toMatchObject([{ channel: 'agents', cursor: { offset: 5 } }])
    const sub = subOf(socket, 'agents')
    await say(socket, recovered(sub, 8, 3), { type: 'missed_messages', sub, messages: published(6, 8) })
    expect(behind.heard('agents')).toEqual([{ at: 8, offsets: [6, 7, 8], recovered: 3 }])
    expect(frames(socket, 'snapshot_request')).toMatchObject([{ sub, from: 5 }])
    await say(socket, value(sub, 8, EPOCH, false))
    expect(fresh.heard('agents')).toMatchObject([{ at: 8, value: '"v8"' }])
  })

  it('[HU6] [HU8] lets a tab ahead of the hub wait, and each tab recover what it missed itself', async () => {
    const hub = world.hub()
    const [behind, ahead] = [world.tab(hub), world.tab(hub)]
    await behind.attach(at('agents', place(4)))
    await ahead.attach(at('agents', place(6)))
    const socket = await world.accept()
    await say(socket, recovered(SUB, 8, 4), { type: 'missed_messages', sub: SUB, messages: published(5, 6) })
    expect(behind.heard('agents')).toEqual([{ at: 6, offsets: [5, 6] }])
    expect(ahead.heard('agents')).toEqual([])
    await say(socket, { type: 'missed_messages', sub: SUB, messages: published(7, 8) })
    expect(behind.heard('agents')).toEqual([{ at: 8, offsets: [7, 8], recovered: 4 }])
    expect(ahead.heard('agents')).toEqual([{ at: 8, offsets: [7, 8], recovered: 2 }])
  })

  it('[HU7] resets every tab and starts each from the fresh value alone', async () => {
    const { hub, one, socket } = await liveHub()
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('agents')] })
    one.heard('agents')
    two.heard('agents')
    const epoch = id('other')
    await say(socket, { type: 'reset', sub: SUB, reason: 'epoch' })
    for (const tab of [one, two]) expect(tab.heard('agents')).toEqual([{ reset: { reason: 'epoch' } }])
    await say(socket, value(SUB, 2, epoch))
    for (const tab of [one, two]) expect(tab.heard('agents')).toEqual([{ at: 2, value: '"v2"', stale: false }])
  })

  it('[HU9] tells every tab that the channel is refused, ends it, and asks again only when a tab subscribes again', async () => {
    const { hub, one, socket } = await liveHub()
    const two = world.tab(hub)
    await two.attach({ channels: [newcomer('agents')] })
    await say(socket, { type: 'refused', sub: SUB, reason: 'forbidden', message: 'no' })
    const refused = { refused: { code: 'forbidden', message: 'no' } }
    for (const tab of [one, two]) expect(tab.heard('agents').at(-1)).toEqual(refused)
    socket.listener.closed(1006)
    world.clock.advance(5_000)
    const next = await world.accept()
    expect(next.received[0]?.['subscriptions']).toEqual([])
    await one.hub.subscribe([newcomer('agents')])
    expect(frames(next, 'subscribe')).toHaveLength(1)
    // What was cached may not be read any more: nobody begins with it.
    await settled()
    expect(one.heard('agents')).toEqual([])
  })

  it('[HU3] a frozen tab takes one batch and gets the rest in one when it thaws', async () => {
    const { one, socket } = await liveHub()
    await one.hub.signal('hidden')
    one.freeze()
    const before = one.batches.length
    await say(socket, news(SUB, 4, 4))
    world.clock.advance(1_000)
    await settled()
    for (let offset = 5; offset <= 50; offset++) await say(socket, news(SUB, offset, offset))
    world.clock.advance(5_000)
    expect(one.batches).toHaveLength(before + 1)
    await one.thaw()
    world.clock.advance(1_000)
    await settled()
    expect(one.heard('agents').slice(-2)).toEqual([
      { at: 4, offsets: [4] },
      { at: 50, offsets: Array.from({ length: 46 }, (_, n) => n + 5) },
    ])
  })

  it('[HU4] a suspended tab gets nothing until it attaches again, and then what it lacks', async () => {
    const { hub, one, socket } = await liveHub()
    await one.hub.signal('suspended')
    one.heard('agents')
    const before = one.batches.length
    await say(socket, news(SUB, 4, 6))
    expect(one.batches).toHaveLength(before)
    await one.attachAgain(hub, at('agents', place(3)))
    expect(one.heard('agents')).toEqual([{ at: 6, offsets: [4, 5, 6] }])
  })

  it('[HU4] a hidden tab gets its messages within the delay or when it is seen', async () => {
    const { one, socket } = await liveHub()
    await one.hub.signal('hidden')
    one.heard('agents')
    await say(socket, news(SUB, 4, 4))
    await say(socket, news(SUB, 5, 5))
    expect(one.heard('agents')).toEqual([])
    world.clock.advance(1_000)
    await settled()
    expect(one.heard('agents')).toEqual([{ at: 5, offsets: [4, 5] }])
    await say(socket, news(SUB, 6, 6))
    await one.hub.signal('visible')
    await settled()
    expect(one.heard('agents')).toEqual([{ at: 6, offsets: [6] }])
  })

  it('[HU11] forgets the channels that were left longest ago, stored ones too', async () => {
    const { one, socket } = await liveHub()
    const names = Array.from({ length: 64 }, (_, n) => `c${n}`)
    await one.hub.subscribe(names.map(newcomer))
    // More than may be asked for at once.
    world.clock.advance(100)
    await settled()
    await say(socket, ...names.map((name) => value(subOf(socket, name), 1)))
    world.clock.advance(1_000)
    await settled()
    expect(world.disk.channels.size).toBe(65)
    // `agents` was wanted first and is left last.
    await one.hub.unsubscribe([...names, 'agents'])
    await settled()
    expect(world.disk.channels.has('c0')).toBe(false)
    expect(world.disk.channels.has('agents')).toBe(true)
    expect(world.disk.channels.size).toBe(64)
  })
})
