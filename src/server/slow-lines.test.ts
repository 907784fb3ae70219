import { describe, expect, it } from 'vitest'
import { fakeServer, freshId, type FakePeer } from './testing/fake-peer.ts'

const AGENTS = [{ sub: 1, channel: 'agents', cursor: null }]
const BOTH = [...AGENTS, { sub: 2, channel: 'chat', cursor: null }]

/** A message in parts of 1 KiB, or so long ones. */
function parts(message: object, units: number = 1_024): string[] {
  const text = JSON.stringify(message)
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += units) pieces.push(`${at + units < text.length ? '+' : '.'}1:${text.slice(at, at + units)}`)
  return pieces
}

const hello = (subscriptions: readonly object[] = []): object => {
  const said = {
    type: 'hello',
    features: ['parts'],
    protocol: 1,
    client: freshId(),
    sender: freshId(),
    confirmed: 0,
    user: null,
    session: null,
    credential: null,
  }
  return { ...said, subscriptions }
}
const channels = (count: number): object[] =>
  Array.from({ length: count }, (_, at) => ({ sub: at + 1, channel: `${'c'.repeat(150)}${at}`, cursor: null }))
const sent = (units: number): object => ({
  type: 'send',
  confirmed: 0,
  messages: [{ n: 1, id: freshId(), channel: 'agents', data: 'x'.repeat(units) }],
})
const code = (peer: FakePeer): number | undefined => peer.closedWith?.code

describe('what is kept of messages that have not come whole', () => {
  const part = (lane: number, units: number): string => `+${lane}:${'x'.repeat(units)}`

  it('[P50] [I30] before hello was accepted it is one lane, and 64 KiB and 512 bytes for each channel', () => {
    const { peer } = fakeServer({ limits: { channels: 100 } })
    const [lanes, full, over] = [peer(), peer(), peer()]
    for (const lane of [0, 1]) lanes.text(part(lane, 256))
    for (let at = 0; at < 114; at++) for (const one of [full, over]) one.text(part(1, 1_024))
    over.text(part(1, 1_024))
    expect([lanes, full, over].map(code)).toEqual([4400, undefined, 1009])
  })

  it('[P50] a part of 256 units may come, a shorter one only as the last', async () => {
    const { open } = fakeServer()
    const [just, short] = [await open(), await open()]
    just.text(part(1, 256))
    short.text(part(1, 255))
    expect([just, short].map(code)).toEqual([undefined, 4400])
  })
})

describe('deadlines end what makes no progress', () => {
  it('[P51] [P4] [I40] a hello that comes at the floor rate is waited for, one that drips is not', async () => {
    const { peer, clock } = fakeServer()
    const [slow, dripping] = [peer(), peer()]
    const pieces = parts(hello(channels(100)))
    let at = 0
    for (; at * 4 < pieces.length; at++) {
      for (const piece of pieces.slice(at * 4, at * 4 + 4)) slow.text(piece)
      if (at % 5 === 0) dripping.text(pieces[at] ?? '')
      await clock.pass(1_000)
      if (at === 3) await clock.pass(6_000)
    }
    expect(at).toBeGreaterThan(3)
    expect([code(slow), slow.all('session_init').length]).toEqual([undefined, 1])
    await clock.pass(10_000)
    expect(code(dripping)).toBe(4408)
  })

  it('[P51] [I40] a hello that the app thinks about is answered with signs of life meanwhile', async () => {
    const { peer, clock } = fakeServer({
      authenticate: async () => {
        await new Promise<void>((resolve) => void clock.setTimer(12_000, resolve))
        return { user: 'ada' }
      },
      authorize: () => true,
    })
    const asking = peer()
    asking.hello({ user: 'ada' })
    await clock.pass(11_900)
    expect(asking.frames).toEqual(['=1', '=1', '=1'])
    await clock.pass(1_000)
    expect(asking.all('session_init')).toHaveLength(1)
  })

  it('[P51] [P30] [I40] a client that reads at the floor rate is not closed, however long a value takes', async () => {
    const server = fakeServer({ snapshot: () => 'x'.repeat(500_000) })
    const peer = await server.open()
    peer.isStalled = true
    peer.say({ type: 'subscribe', subscriptions: AGENTS })
    for (let seconds = 0; seconds < 120 && peer.all('subscribed').length === 0; seconds += 4) {
      await server.clock.pass(4_000)
      if (seconds % 20 === 0) peer.say({ type: 'ping' })
      peer.read()
    }
    await server.clock.settle()
    expect([code(peer), peer.all('subscribed').length]).toEqual([undefined, 1])
  })

  it.each([
    ['at the floor rate arrives', 4, undefined],
    ['that drips is ended', 0.3, 4413],
  ])('[P51] [I40] a message %s', async (_, perSecond, closed) => {
    const server = fakeServer({ onMessage: () => undefined })
    const peer = await server.open()
    const pieces = parts(sent(200_000))
    for (let at = 0, seconds = 1; at < pieces.length && code(peer) === undefined; seconds++) {
      for (; at < seconds * perSecond && at < pieces.length; at++) peer.text(pieces[at] ?? '')
      await server.clock.pass(1_000)
    }
    await server.clock.settle()
    expect([code(peer), peer.all('ack').length]).toEqual([closed, closed === undefined ? 1 : 0])
  })
})

describe('long messages and the others', () => {
  const value = 'v'.repeat(300_000)
  const snapshot = (channel: string): string => (channel === 'agents' ? value : 'short')

  it('[P48] [P27] [I15] no value waits behind another, and messages of a channel come behind its own', async () => {
    const server = fakeServer({ snapshot })
    const peer = await server.open()
    peer.isStalled = true
    peer.say({ type: 'subscribe', subscriptions: AGENTS })
    await server.clock.settle()
    peer.say({ type: 'subscribe', subscriptions: [{ sub: 2, channel: 'chat', cursor: null }] })
    await server.clock.settle()
    await server.core.publish('agents', 'after the value')
    await server.core.publish('chat', 'meanwhile')
    for (let at = 0; at < 30; at++) {
      peer.read()
      await server.clock.settle()
    }
    expect(peer.received.map(({ type }) => type)).toEqual(['session_init', 'subscribed', 'messages', 'subscribed', 'messages'])
    expect(peer.received[1]).toMatchObject({ sub: 2, value: 'short' })
    expect(peer.received[2]).toMatchObject({ batches: [{ sub: 2, messages: [{ data: 'meanwhile' }] }] })
    expect(peer.received[3]).toMatchObject({ sub: 1, value })
    expect(peer.messagesOf(1).map(({ data }) => data)).toEqual(['after the value'])
  })

  it('[P48] [P31] a pong does not wait behind a value', async () => {
    const server = fakeServer({ snapshot })
    const peer = await server.open()
    peer.isStalled = true
    peer.say({ type: 'subscribe', subscriptions: AGENTS })
    await server.clock.settle()
    peer.say({ type: 'ping' })
    expect(peer.received.map(({ type }) => type)).toEqual(['session_init', 'pong'])
  })

  it('[P53] a client that does not know parts gets whole messages, and no reports', async () => {
    const server = fakeServer({ snapshot })
    const peer = await server.open({ features: ['something-else'] })
    peer.say({ type: 'subscribe', subscriptions: AGENTS })
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'short', data: 'x'.repeat(20_000) }] })
    await server.clock.settle()
    expect(peer.frames.filter((text) => !text.startsWith('{'))).toEqual([])
    expect(peer.all('subscribed').length).toBeGreaterThan(0)
    expect(Math.max(...peer.frames.map((text) => text.length))).toBeGreaterThan(16_384)
  })

  it('[P50] [P22] a value that is not wanted any more ends on the way', async () => {
    const server = fakeServer({ snapshot })
    const peer = await server.open()
    peer.isStalled = true
    peer.say({ type: 'subscribe', subscriptions: AGENTS })
    await server.clock.settle()
    peer.say({ type: 'unsubscribe', subs: [1] })
    expect(peer.frames.at(-1)).toBe('-1')
    peer.isStalled = false
    peer.read()
    await server.clock.settle()
    expect([peer.all('subscribed').length, peer.frames.at(-1)]).toEqual([0, '-1'])
  })

  it('[P30] values that the app gives all at once do not make a slow client of a fast one', async () => {
    const server = fakeServer({ snapshot: () => 'x'.repeat(300_000) })
    const subscriptions = Array.from({ length: 20 }, (_, at) => ({ sub: at + 1, channel: `c${at}`, cursor: null }))
    const peer = server.peer()
    peer.isStalled = true
    peer.hello({ subscriptions })
    await server.clock.settle()
    expect(code(peer)).toBeUndefined()
    // Nothing but reports, with time between them, moves what waits.
    for (let at = 0; at < 500 && peer.all('subscribed').length < 20; at++) {
      server.clock.advance(100)
      peer.report()
      await server.clock.settle()
    }
    expect([code(peer), peer.all('subscribed').length]).toEqual([undefined, 20])
  })

  it('[P47] [P52] frames are no longer than a part, or than the client wants them', async () => {
    const server = fakeServer({ snapshot })
    const [usual, short] = [await server.open({ subscriptions: BOTH }), await server.open({ subscriptions: BOTH, partBytes: 2_048 })]
    await server.core.publish('chat', 'y'.repeat(100_000))
    await server.clock.settle()
    for (const [peer, most] of [
      [usual, 16_384],
      [short, 2_048],
    ] as const) {
      expect(Math.max(...peer.frames.map(({ length }) => length))).toBeLessThanOrEqual(most)
      expect(peer.messagesOf(2)).toHaveLength(1)
    }
  })

  it('[P50] [P2] [I30] before hello no more is put together than a hello can be; after it a message is', async () => {
    const server = fakeServer({ onMessage: () => undefined })
    const stranger = server.peer()
    for (const piece of parts(sent(200_000))) if (code(stranger) === undefined) stranger.text(piece)
    expect(code(stranger)).toBe(1009)
    const peer = await server.open()
    for (const piece of parts(sent(200_000))) peer.text(piece)
    await server.clock.settle()
    expect(peer.last('ack').hi).toBe(1)
    for (const piece of parts(sent(1_100_000))) if (code(peer) === undefined) peer.text(piece)
    expect(code(peer)).toBe(1009)
  })

  it('[P50] [P16] neither parts nor long messages nor reports are counted by the frame rate', async () => {
    const server = fakeServer({ onMessage: () => undefined, limits: { framesPerSecond: 1, frameBurst: 5 } })
    const peer = await server.open()
    for (let n = 1; n <= 20; n++) {
      const messages = [{ n, id: freshId(), channel: 'agents', data: 'x'.repeat(9_000) }]
      for (const piece of parts({ type: 'send', confirmed: n - 1, messages })) peer.text(piece)
      await server.clock.settle()
    }
    expect([code(peer), peer.last('ack').hi]).toEqual([undefined, 20])
    // One that says nothing new is.
    for (let at = 0; at < 6; at++) peer.text('=0')
    expect([code(peer), peer.isHeld]).toEqual([undefined, true])
  })
})
