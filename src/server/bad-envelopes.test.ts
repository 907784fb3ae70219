import { describe, expect, it } from 'vitest'
import { attackServer, sendOf } from './testing/attack-contract.ts'
import { freshId } from './testing/fake-peer.ts'

const ID = freshId()
const send = (fields: string): string => `{"type":"send","confirmed":0,"messages":[{${fields}}]}`
const numbered = (n: string): string => send(`"n":${n},"id":"${ID}","channel":"agents","data":1`)
const subscribe = (channel: string, cursor: string = 'null'): string =>
  `{"type":"subscribe","subscriptions":[{"sub":1,"channel":${channel},"cursor":${cursor}}]}`
const keys = (count: number): string => Array.from({ length: count }, (_, at) => `"k${at}":1`).join(',')

const badEnvelopes: readonly [string, string][] = [
  ['(M1) no JSON', 'hello'],
  ['(M1) the empty string', ''],
  ['(M1) white space', ' \n'],
  ['(M1) null', 'null'],
  ['(M1) a number', '42'],
  ['(M1) a string', '"x"'],
  ['(M1) an array', '[]'],
  ['(M1) two messages', '{"type":"ping"}{"type":"ping"}'],
  ['(M1) half a message', '{"type":"ping"'],
  ['(M1) a byte order mark', '\uFEFF{"type":"ping"}'],
  ['(M2) arrays nested 100,000 deep', `{"type":"volatile","messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['(M2) objects nested 100,000 deep and never closed', '{"type":'.repeat(100_000)],
  ['(M2) data nested 65 deep', send(`"n":1,"id":"${ID}","channel":"a","data":${'['.repeat(65)}${']'.repeat(65)}`)],
  ['(M3) 80,000 keys and no type', `{${keys(80_000)}}`],
  ['(M4) an own key __proto__', '{"type":"ping","__proto__":{"polluted":true}}'],
  ['(M4) an own key __proto__ in disguise', '{"type":"ping","\\u005f_proto__":{"polluted":true}}'],
  ['(M4) an own key constructor', '{"type":"ping","constructor":{"prototype":{"polluted":true}}}'],
  ['(M4) an own key prototype', '{"type":"ping","prototype":{"polluted":true}}'],
  ['(M4) an own key __proto__ in a message', send(`"n":1,"id":"${ID}","channel":"a","data":1,"__proto__":{"polluted":1}`)],
  ['(M4) a type that every object inherits', '{"type":"hasOwnProperty"}'],
  ['(M7) no type', '{}'],
  ['(M7) an unknown type', '{"type":"rehello"}'],
  ['(M7) a type of the server', '{"type":"ack","hi":1,"stable":1,"id":"","outcomes":[]}'],
  ['(M7) a type that is no string', '{"type":["ping"]}'],
  ['(M7) a missing field', '{"type":"subscribe"}'],
  ['(M7) a missing field of a message', send(`"n":1,"id":"${ID}","channel":"a"`)],
  ['(M7) a field of another type', '{"type":"unsubscribe","subs":"1"}'],
  ['(M8) an id that is too short', send('"n":1,"id":"short","channel":"a","data":1')],
  ...['0', '-1', '1.5', '"1"', '9007199254740992', '1e400', '"NaN"', 'null', 'true', '[1]', '{}'].map((n): [string, string] => [
    `(M8) the number ${n}`,
    numbered(n),
  ]),
  ['(M9) the number 2^53 - 1', numbered('9007199254740991')],
  ['(M9) the number 2^48 + 1', numbered('281474976710657')],
  ...[
    '""',
    `"${'x'.repeat(201)}"`,
    `"${'x'.repeat(10_240)}"`,
    '"a*"',
    '"a\\nb"',
    '"a\\u0000"',
    '"../a"',
    '"a..b"',
    '"a b"',
    '"аgents"',
    '"a\\u202eb"',
  ].map((channel): [string, string] => [`(M10) the channel ${channel.slice(0, 12)}`, subscribe(channel)]),
  ['(M10) a channel that is no string', subscribe('["agents"]')],
]

describe('an envelope', () => {
  const got: unknown[] = []
  const server = attackServer({ onMessage: ({ data }) => void got.push(data) })

  it.each(badEnvelopes)('%s closes 4400, and nothing of it is applied [P1] [P2] [P3]', async (_title, text) => {
    const peer = await server.open()
    const { totals: before, ...gauges } = server.live.metrics()
    const times = got.length
    peer.sendText(text)
    expect(await peer.closed).toEqual({ code: 4400, reason: expect.stringMatching(/^P1: \w/) })
    const { totals, ...after } = server.live.metrics()
    expect(after).toEqual({ ...gauges, sockets: 1, lanes: 1 })
    expect([totals['received'], got.length]).toEqual([before['received'], times])
  })

  it('(M8) with one bad number among good ones applies none of them [P2] [I29]', async () => {
    const peer = await server.open()
    const client = freshId()
    const sender = await server.open({ client })
    sender.send(sendOf(1))
    await sender.next('ack')
    peer.cut()
    sender.sendText(
      `{"type":"send","confirmed":0,"messages":[{"n":2,"id":"${ID}","channel":"a","data":1},{"n":0,"id":"${ID}","channel":"a","data":1}]}`,
    )
    expect((await sender.closed).code).toBe(4400)
    const again = await server.open({ client })
    expect(again.received[0]).toMatchObject({ client: { hi: 1 } })
  })

  it('(M3) with 80,000 keys more than it needs is read without them [P1]', async () => {
    const peer = await server.open()
    peer.sendText(`{"type":"ping",${keys(80_000)}}`)
    await peer.next('pong')
  })

  it('(M3) with 1,000,000 keys is over the limit and closes 1009, unread [P2] [I30]', async () => {
    const peer = await server.open()
    peer.sendText(`{${keys(1_000_000)}}`)
    expect((await peer.closed).code).toBe(1009)
  })

  it.each(['hasOwnProperty', 'toString', 'valueOf', '__defineGetter__'])('(M4) with a key %s is read without it [P1]', async (key) => {
    const peer = await server.open()
    peer.sendText(`{"type":"ping","${key}":1}`)
    await peer.next('pong')
  })

  it.each([
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"hasOwnProperty":1,"toString":null}',
    '[{"__proto__":null}]',
  ])('(M4) hands on the data %s as it came, inert [P1]', async (data) => {
    const [peer, reader] = [await server.open(), await server.open({ subscriptions: [{ sub: 1, channel: 'agents', cursor: null }] })]
    await reader.next('subscribed')
    peer.sendText(send(`"n":1,"id":"${freshId()}","channel":"agents","data":${data}`))
    await peer.next('ack')
    expect(JSON.stringify(got.at(-1))).toBe(data)
    await server.live.publish('agents', got.at(-1))
    expect(JSON.stringify((await reader.next('messages')).batches[0]?.messages[0]?.data)).toBe(data)
  })

  it('(M5) with a key twice means the last [P1]', async () => {
    const peer = await server.open()
    peer.sendText(send(`"n":7,"n":1,"id":"x","id":"${ID}","channel":"a","data":1`))
    expect(await peer.next('ack')).toMatchObject({ hi: 1, id: ID })
    peer.sendText('{"type":"nothing","type":"ping"}')
    await peer.next('pong')
  })

  it('(M7) with a field more is read without it [P1]', async () => {
    const peer = await server.open()
    peer.sendText('{"type":"ping","mood":"fine","messages":[{"n":-1}]}')
    await peer.next('pong')
  })
})
