import { describe, expect, it } from 'vitest'
import { decodeClientMessage } from './client-codec.ts'
import {
  DEFAULT_HEARTBEAT,
  DEFAULT_LIMITS,
  MAX_CHANNEL_LENGTH,
  MAX_DEPTH,
  MAX_NUMBER,
  MAX_OUTBOX_TOKEN_LENGTH,
  MAX_RECALL_IDS,
} from './limits.ts'
import type { ClientMessage, ServerMessage } from './messages.ts'
import { decodeServerMessage } from './server-codec.ts'

const ID = 'AAAAAAAAAAAAAAAAAAAAA_'
const OTHER = 'BBBBBBBBBBBBBBBBBBBBB-'
const TOKEN = 'T'.repeat(43)
const cursor = { epoch: ID, offset: 7, id: OTHER }
const sendOnlyAnswer = {
  protocol: 1,
  user: 'ann',
  ledger: ID,
  reach: { made: 4, forgotten: 2 },
  limits: DEFAULT_LIMITS,
  heartbeat: DEFAULT_HEARTBEAT,
}
const answer = { ...sendOnlyAnswer, connection: 3 }

/** One or more of every message a client may send; the type of the table makes a missing one an error. */
const clientMessages: { readonly [Type in ClientMessage['type']]: readonly Extract<ClientMessage, { type: Type }>[] } = {
  hello: [
    { type: 'hello', protocol: 1, client: ID, sender: ID, confirmed: 0, user: null, session: null, credential: null, subscriptions: [] },
    {
      type: 'hello',
      protocol: 1,
      client: ID,
      sender: ID,
      confirmed: 5,
      user: 'ann',
      session: { id: ID, token: TOKEN },
      credential: 'secret',
      subscriptions: [
        { sub: 1, channel: 'agents', cursor },
        { sub: 2, channel: '@user', cursor: { epoch: ID, offset: 0, id: '' } },
        { sub: 3, channel: 'a:b/c@d+e=f~g-h_i.j', cursor: null },
      ],
    },
    {
      type: 'hello',
      protocol: 1,
      client: ID,
      sender: ID,
      confirmed: 5,
      user: 'ann',
      session: null,
      credential: null,
      subscriptions: [],
      outboxToken: 'a-b_c.d',
    },
  ],
  subscribe: [{ type: 'subscribe', subscriptions: [{ sub: 4, channel: 'x', cursor: null }] }],
  unsubscribe: [{ type: 'unsubscribe', subs: [1, 2, MAX_NUMBER] }],
  snapshot_request: [{ type: 'snapshot_request', sub: 1, from: 0 }],
  send: [
    {
      type: 'send',
      confirmed: 1,
      messages: [
        { n: 2, id: ID, channel: 'x', data: null },
        { n: 3, id: OTHER, channel: 'x', data: { deep: [1, 'two', { three: true }] }, mayRepeat: true },
      ],
    },
  ],
  skip: [{ type: 'skip', numbers: [{ n: 4, id: ID }] }],
  volatile: [{ type: 'volatile', messages: [{ id: ID, channel: 'x', data: 'typing' }] }],
  recall: [{ type: 'recall', client: OTHER, ids: [ID, OTHER] }],
  authenticate: [{ type: 'authenticate', credential: 'fresh' }],
  ping: [{ type: 'ping' }],
  sign_out: [{ type: 'sign_out' }],
}

/** The same for a server. */
const serverMessages: { readonly [Type in ServerMessage['type']]: readonly Extract<ServerMessage, { type: Type }>[] } = {
  session_init: [
    { type: 'session_init', session: { id: ID, token: TOKEN }, ...answer, client: null },
    { type: 'session_init', session: { id: ID, token: TOKEN }, ...answer, client: null, outboxToken: 'a-b_c.d' },
    { type: 'session_init', session: { id: ID, token: TOKEN }, ...answer, client: null, begun: 3 },
  ],
  session_restored: [{ type: 'session_restored', session: { id: ID }, ...answer, user: null, client: { hi: 9, id: OTHER } }],
  send_only: [{ type: 'send_only', ...sendOnlyAnswer, client: { hi: 9, id: OTHER } }],
  subscribed: [
    { type: 'subscribed', sub: 1, head: cursor, verdict: 'recovered', missed: 0 },
    { type: 'subscribed', sub: 1, head: cursor, verdict: 'snapshot', value: null, follows: true },
    { type: 'subscribed', sub: 1, head: cursor, verdict: 'snapshot', value: [1], follows: false },
    { type: 'subscribed', sub: 1, head: { epoch: ID, offset: 0, id: '' }, verdict: 'start', follows: true },
    { type: 'subscribed', sub: 1, head: { epoch: ID, offset: 3, id: OTHER }, verdict: 'start', follows: false },
  ],
  missed_messages: [{ type: 'missed_messages', sub: 1, messages: [{ offset: 8, id: ID, data: 1 }] }],
  messages: [
    {
      type: 'messages',
      batches: [
        {
          sub: 1,
          messages: [
            { offset: 8, id: ID, data: null },
            { offset: 9, id: OTHER, data: {}, origin: ID },
          ],
        },
        { sub: 2, messages: [] },
      ],
    },
  ],
  reset: [
    { type: 'reset', sub: 1, reason: 'trimmed', from: 3, to: 9 },
    { type: 'reset', sub: 1, reason: 'epoch' },
    { type: 'reset', sub: 1, reason: 'diverged' },
    { type: 'reset', sub: 1, reason: 'too-slow' },
    { type: 'reset', sub: 1, reason: 'hook-failed' },
  ],
  refused: [
    { type: 'refused', sub: 1, reason: 'forbidden', message: '' },
    { type: 'refused', sub: 1, reason: 'limit', message: 'too many channels' },
    { type: 'refused', sub: 1, reason: 'invalid', message: 'a cycle' },
    { type: 'refused', sub: 1, reason: 'too-large', message: 'a frame' },
  ],
  no_value: [
    { type: 'no_value', sub: 1, reason: 'hook-failed', message: 'tried again' },
    { type: 'no_value', sub: 1, reason: 'too-slow', message: '' },
    { type: 'no_value', sub: 1, reason: 'invalid', message: 'a cycle' },
    { type: 'no_value', sub: 1, reason: 'too-large', message: 'a frame' },
  ],
  ack: [
    { type: 'ack', hi: 0, stable: 0, id: '', outcomes: [] },
    {
      type: 'ack',
      hi: 5,
      stable: 4,
      id: ID,
      outcomes: [
        { n: 3, reply: { ok: true } },
        { n: 4, rejected: 'failed', message: 'no' },
        { n: 5, skipped: true },
        { n: 2, replyLost: 'invalid' },
        { n: 1, rejected: 'unpublishable', message: 'no' },
      ],
    },
  ],
  expected: [{ type: 'expected', n: 2 }],
  conflict: [{ type: 'conflict', n: 2 }],
  unknown_client: [{ type: 'unknown_client' }],
  recalled: [
    {
      type: 'recalled',
      client: ID,
      fates: [
        { id: ID, fate: 'applied' },
        { id: ID, fate: 'applied', reply: 1 },
        { id: OTHER, fate: 'applied', replyLost: 'too-large' },
        { id: OTHER, fate: 'applied', replyLost: 'dropped' },
        { id: ID, fate: 'rejected', rejected: 'forbidden', message: 'no' },
        { id: ID, fate: 'skipped' },
      ],
    },
  ],
  authenticate: [{ type: 'authenticate', withinMs: 10_000 }],
  pong: [{ type: 'pong' }],
  outbox_token: [{ type: 'outbox_token', outboxToken: 'a-b_c.d' }],
  goodbye: [{ type: 'goodbye', retryMinMs: 0, retryMaxMs: 5_000 }],
}

const valid = { client: Object.values(clientMessages).flat(), server: Object.values(serverMessages).flat() }
const decoders = { client: decodeClientMessage, server: decodeServerMessage }
const sides = ['client', 'server'] as const
const hello = { ...clientMessages.hello[0] }
const sendOf = (message: object): object => ({
  type: 'send',
  confirmed: 0,
  messages: [{ n: 1, id: ID, channel: 'x', data: 1, ...message }],
})

/** `value` as JSON, or the text itself. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

describe.each(sides)('messages of a %s', (side) => {
  const decode = decoders[side]
  const examples: readonly (ClientMessage | ServerMessage)[] = valid[side]

  it.each(examples.map((message) => [message.type, message]))('[P1] %s comes back as it was sent', (_, message) => {
    expect(decode(JSON.stringify(message))).toEqual({ ok: true, message })
  })

  it('[P1] an unknown field is ignored in every message', () => {
    for (const message of examples) expect(decode(JSON.stringify({ ...message, extra: [1] }))).toEqual({ ok: true, message })
  })

  it('[P1] a missing field makes every message bad, unless the field is optional', () => {
    const optional = new Set(['from', 'follows', 'outboxToken', 'begun', 'sender'])
    for (const message of examples) {
      for (const field of Object.keys(message)) {
        if (optional.has(field) || ('id' in message && message.id === '' && field === 'id')) continue
        const { [field]: _, ...rest } = Object(message)
        expect([message.type, field, decode(JSON.stringify(rest)).ok]).toEqual([message.type, field, false])
      }
    }
  })

  it('[RT7] the client id stands for a sender that is left out', () => {
    const said = { type: 'hello', protocol: 1, client: ID, confirmed: 0, user: null, session: null, credential: null, subscriptions: [] }
    expect(decodeClientMessage(JSON.stringify(said))).toMatchObject({ ok: true, message: { sender: ID } })
  })

  it('[P1] a field of the wrong type makes every message bad', () => {
    const free = new Set(['value', 'follows'])
    for (const message of examples) {
      for (const [field, value] of Object.entries(message)) {
        if (free.has(field) || value === '') continue
        const wrong = typeof value === 'object' && value !== null ? 1 : { not: 'this' }
        expect([message.type, field, decode(JSON.stringify({ ...message, [field]: wrong })).ok]).toEqual([message.type, field, false])
      }
    }
  })

  it.each([
    ['empty text', ''],
    ['text that is not JSON', '{type:"ping"}'],
    ['two JSON values', '{"type":"ping"}{"type":"pong"}'],
    ['null', 'null'],
    ['a number', '42'],
    ['a string', '"x"'],
    ['an array', '[]'],
    ['no type', '{}'],
    ['a type that is not a string', '{"type":["ping"]}'],
    ['an unknown type', '{"type":"pingpong"}'],
    ['a type that every object inherits', '{"type":"toString"}'],
    ['a very long type', JSON.stringify({ type: 'p'.repeat(10_000) })],
    ['arrays nested 100,000 deep', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects nested 100,000 deep', '{"a":'.repeat(100_000)],
    ['an own key __proto__', '{"type":"ping","__proto__":{"polluted":true}}'],
    ['an own key constructor', '{"type":"ping","constructor":{"prototype":{"polluted":true}}}'],
    ['an own key prototype', '{"type":"ping","prototype":1}'],
  ])('[P1] %s is a bad message', (_, text) => {
    const decoded = decode(text)
    expect(decoded).toEqual({ ok: false, error: expect.stringMatching(/^.{4,80}$/) })
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it('[P1] an error says nothing of what the frame held', () => {
    const secret = 'VERY-SECRET'
    for (const text of [
      `{"type":"${secret}"}`,
      `{"${secret}`,
      `{"type":"send","${secret}":1}`,
      `{"type":"goodbye","retryMinMs":"${secret}"}`,
    ]) {
      expect(JSON.stringify(decode(text))).not.toContain(secret)
    }
  })
})

describe('fields', () => {
  it.each([
    ...[0, -1, 1.5, '1', 'NaN', null, true, [1], 2 ** 53, 2 ** 53 - 1, MAX_NUMBER + 1].map((n) => sendOf({ n })),
    '{"type":"send","confirmed":0,"messages":[{"n":1e400,"id":"AAAAAAAAAAAAAAAAAAAAA_","channel":"x","data":1}]}',
    { ...hello, confirmed: -1 },
    { ...hello, confirmed: 0.5 },
    { type: 'unsubscribe', subs: [0] },
    { type: 'snapshot_request', sub: 1, from: -1 },
  ])('[P3] a number out of range is a bad message: %j', (value) => {
    expect(decodeClientMessage(textOf(value)).ok).toBe(false)
  })

  it.each([
    '',
    'x'.repeat(MAX_CHANNEL_LENGTH + 1),
    'x'.repeat(10_240),
    'a*',
    'a\n',
    '\na',
    'a b',
    '../a',
    'a..b',
    'аgents',
    'a\u0000',
    'a\u202Eb',
    'é',
    '#a',
    null,
    7,
  ])('[P3] %j names no channel', (channel) => {
    expect(decodeClientMessage(JSON.stringify(sendOf({ channel }))).ok).toBe(false)
    expect(decodeClientMessage(JSON.stringify({ type: 'subscribe', subscriptions: [{ sub: 1, channel, cursor: null }] })).ok).toBe(false)
  })

  it.each(['', 'short', `${ID}A`, `${ID.slice(1)}+`, `${ID.slice(1)}=`, `${ID.slice(1)}\n`, 1, null, [ID]])('[P3] %j is no id', (id) => {
    expect(decodeClientMessage(JSON.stringify(sendOf({ id }))).ok).toBe(false)
    expect(decodeClientMessage(JSON.stringify({ ...hello, client: id })).ok).toBe(false)
    expect(decodeServerMessage(JSON.stringify({ type: 'ack', hi: 1, stable: 1, id, outcomes: [] })).ok).toBe(false)
  })

  it.each(['', 'a b', 'a\r\nb', 'x'.repeat(MAX_OUTBOX_TOKEN_LENGTH + 1), 7, null])('[P37] %j is no outbox token', (outboxToken) => {
    expect(decodeClientMessage(JSON.stringify({ ...hello, outboxToken })).ok).toBe(false)
    expect(decodeServerMessage(JSON.stringify({ ...serverMessages.session_init[0], outboxToken })).ok).toBe(false)
  })

  it.each([
    ['a session', { session: { id: ID, token: TOKEN } }],
    ['a credential', { credential: 'secret' }],
    ['a channel', { subscriptions: [{ sub: 1, channel: 'x', cursor: null }] }],
  ])('(X1) [P36] %s beside an outbox token is a bad message', (_, change) => {
    expect(decodeClientMessage(JSON.stringify({ ...hello, outboxToken: 'a.b' })).ok).toBe(true)
    expect(decodeClientMessage(JSON.stringify({ ...hello, outboxToken: 'a.b', ...change })).ok).toBe(false)
  })

  it('[P1] keys that could reach a prototype are refused in the envelope and inert in data', () => {
    expect(decodeClientMessage(textOf(sendOf({})).replace('"n":1', '"n":1,"__proto__":{"polluted":1}')).ok).toBe(false)
    const decoded = decodeClientMessage(textOf(sendOf({})).replace('"data":1', '"data":{"__proto__":{"polluted":1},"constructor":2}'))
    expect(decoded.ok && decoded.message.type === 'send' && Object.keys(Object(decoded.message.messages[0]?.data))).toEqual([
      '__proto__',
      'constructor',
    ])
    expect(Reflect.get({}, 'polluted')).toBe(undefined)
  })

  it('[P1] a key named hasOwnProperty does not disturb the decoder', () => {
    expect(decodeClientMessage('{"type":"ping","hasOwnProperty":1}')).toEqual({ ok: true, message: { type: 'ping' } })
  })

  it('[P1] of duplicate keys the last wins', () => {
    expect(decodeServerMessage('{"type":"expected","n":1,"n":2}')).toEqual({ ok: true, message: { type: 'expected', n: 2 } })
    expect(decodeServerMessage('{"type":"expected","n":2,"n":"2"}').ok).toBe(false)
  })

  it('[P1] nesting is counted outside strings only, and its limit is exact', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    const frame = (data: string): string => `{"type":"volatile","messages":[{"id":"${ID}","channel":"x","data":${data}}]}`
    expect(decodeClientMessage(frame(nested(MAX_DEPTH - 3))).ok).toBe(true)
    expect(decodeClientMessage(frame(nested(MAX_DEPTH - 2))).ok).toBe(false)
    expect(decodeClientMessage(frame(JSON.stringify(`\\"${'['.repeat(1_000)}`))).ok).toBe(true)
  })

  it('[P1] a frame of 1,000,000 keys is ignored or refused, and harms nothing', () => {
    const keys = Array.from({ length: 1_000_000 }, (_, at) => `"${at}":0`).join(',')
    expect(decodeClientMessage(`{"type":"send",${keys}}`).ok).toBe(false)
  })

  it('[P19] recall asks about no more than 1,000 ids', () => {
    const recall = (count: number): string => JSON.stringify({ type: 'recall', client: ID, ids: Array.from({ length: count }, () => ID) })
    expect(MAX_RECALL_IDS).toBe(1_000)
    expect(decodeClientMessage(recall(MAX_RECALL_IDS)).ok).toBe(true)
    expect(decodeClientMessage(recall(MAX_RECALL_IDS + 1)).ok).toBe(false)
  })

  it('[P25] offsets of a batch that do not rise by one make the frame bad', () => {
    const frame = (...offsets: number[]): string =>
      JSON.stringify({ type: 'missed_messages', sub: 1, messages: offsets.map((offset) => ({ offset, id: ID, data: 1 })) })
    expect(decodeServerMessage(frame(8, 9, 10)).ok).toBe(true)
    for (const offsets of [
      [8, 10],
      [8, 8],
      [9, 8],
      [0, 1],
    ]) {
      expect(decodeServerMessage(frame(...offsets)).ok).toBe(false)
    }
  })

  it('[P15] an ack whose stable number is above hi is a bad message', () => {
    expect(decodeServerMessage(JSON.stringify({ type: 'ack', hi: 1, stable: 2, id: ID, outcomes: [] })).ok).toBe(false)
  })

  it.each([
    { ...serverMessages.session_init[0], limits: { ...DEFAULT_LIMITS, framesPerSecond: 0 } },
    { ...serverMessages.session_init[0], limits: { ...DEFAULT_LIMITS, frameBytes: 2 ** 40 } },
    { ...serverMessages.session_init[0], limits: { ...DEFAULT_LIMITS, sendWindow: 0 } },
    { ...serverMessages.session_init[0], heartbeat: { ...DEFAULT_HEARTBEAT, pingMs: 0 } },
    { ...serverMessages.session_init[0], heartbeat: { ...DEFAULT_HEARTBEAT, timeoutMs: 1e12 } },
    { type: 'goodbye', retryMinMs: 5, retryMaxMs: 4 },
    { type: 'goodbye', retryMinMs: 0, retryMaxMs: 1e12 },
  ])('[P2] what would make a client spin or wait for ever is a bad message', (message) => {
    expect(decodeServerMessage(JSON.stringify(message)).ok).toBe(false)
  })

  it('[P63] features are names, and what nobody knows of is ignored', () => {
    const plain = {
      type: 'hello',
      protocol: 1,
      sender: OTHER,
      client: ID,
      confirmed: 0,
      user: null,
      session: null,
      credential: null,
      subscriptions: [],
    }
    const decoded = decodeClientMessage(JSON.stringify({ ...plain, features: ['x-new'], later: { any: 1 } }))
    expect(decoded).toEqual({ ok: true, message: { ...plain, features: ['x-new'] } })
    expect(decodeClientMessage(JSON.stringify({ ...plain, features: [1] })).ok).toBe(false)
    expect(decodeClientMessage(JSON.stringify({ ...plain, features: Array.from({ length: 65 }, () => 'x') })).ok).toBe(false)
  })
})
