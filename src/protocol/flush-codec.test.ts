import { describe, expect, it } from 'vitest'
import { decodeFlush, decodeFlushAnswer } from './flush-codec.ts'
import { DEFAULT_HEARTBEAT, DEFAULT_LIMITS, MAX_DEPTH, MAX_FLUSH_ENTRIES, MAX_OUTBOX_TOKEN_LENGTH } from './limits.ts'
import type { Flush, Flushed, FlushRefused } from './messages.ts'
import { decodeServerMessage } from './server-codec.ts'

const ID = 'AAAAAAAAAAAAAAAAAAAAA_'
const OTHER = 'BBBBBBBBBBBBBBBBBBBBB-'
const message = { n: 3, id: ID, channel: 'agents', data: { deep: [null] } }
const flush: Flush = { type: 'flush', protocol: 1, client: ID, ledger: OTHER, user: 'ann', confirmed: 2, entries: [message] }
const flushed: Flushed = {
  type: 'flushed',
  protocol: 1,
  user: null,
  ledger: ID,
  client: { hi: 4, id: OTHER },
  hi: 4,
  stable: 3,
  id: ID,
  outcomes: [
    { n: 3, reply: { ok: true } },
    { n: 4, skipped: true },
  ],
}

const bodyOf = (changes: object): string => JSON.stringify({ ...flush, ...changes })
const entryOf = (changes: object): string => bodyOf({ entries: [{ ...message, ...changes }] })

describe('the body of a flush', () => {
  it('[P36] is read whole, and nothing of what does not belong to it', () => {
    const entries = [
      { ...message, mayRepeat: true as const },
      { n: 4, id: OTHER, skip: true as const },
      { ...message, n: 5, id: OTHER },
    ]
    expect(decodeFlush(bodyOf({ entries, user: null }))).toEqual({ ok: true, message: { ...flush, entries, user: null } })
    expect(decodeFlush(JSON.stringify({ ...flush, extra: 1, entries: [{ ...message, extra: 1 }] }))).toEqual({ ok: true, message: flush })
  })

  it.each<[string, string]>([
    ['not JSON', '<html>'],
    ['empty', ''],
    ['an array', '[]'],
    ['another type', bodyOf({ type: 'send' })],
    ['no protocol', bodyOf({ protocol: undefined })],
    ['a protocol of 0', bodyOf({ protocol: 0 })],
    ['a client that is no id', bodyOf({ client: 'short' })],
    ['a ledger that is null', bodyOf({ ledger: null })],
    ['no user', bodyOf({ user: undefined })],
    ['an empty user', bodyOf({ user: '' })],
    ['a user of 257 characters', bodyOf({ user: 'u'.repeat(257) })],
    ['a confirmed below 0', bodyOf({ confirmed: -1 })],
    ['no entries', bodyOf({ entries: [] })],
    ['entries that are an object', bodyOf({ entries: {} })],
    ['too many entries', bodyOf({ entries: Array.from({ length: MAX_FLUSH_ENTRIES + 1 }, (_, at) => ({ ...message, n: at + 1 })) })],
    ['a number of 0', entryOf({ n: 0 })],
    ['a number with a fraction', entryOf({ n: 1.5 })],
    ['an id that is none', entryOf({ id: '' })],
    ['a channel that is none', entryOf({ channel: 'a b' })],
    ['no data', entryOf({ data: undefined })],
    ['numbers that skip one', bodyOf({ entries: [message, { ...message, n: 5 }] })],
    ['a number twice', bodyOf({ entries: [message, message] })],
    ['numbers that fall', bodyOf({ entries: [message, { ...message, n: 2 }] })],
    ['a key that reaches a prototype', JSON.stringify(flush).replace('"confirmed"', '"__proto__":{},"confirmed"')],
    ['data that is nested too deeply', entryOf({ data: JSON.parse('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH)) as unknown })],
  ])('[P36] [P1] is refused with a sentence that quotes nothing: %s', (_, text) => {
    const decoded = decodeFlush(text)
    expect(decoded).toEqual({ ok: false, error: expect.any(String) })
  })

  it(`[P36] holds up to ${MAX_FLUSH_ENTRIES} numbers`, () => {
    const entries = Array.from({ length: MAX_FLUSH_ENTRIES }, (_, at) => ({ ...message, n: at + 1 }))
    expect(decodeFlush(bodyOf({ entries })).ok).toBe(true)
  })
})

describe('the answer to a flush', () => {
  it('[P41] is read whole', () => {
    expect(decodeFlushAnswer(JSON.stringify(flushed))).toEqual({ ok: true, message: flushed })
    const nothing: Flushed = { ...flushed, client: null, hi: 0, stable: 0, id: '', outcomes: [] }
    expect(decodeFlushAnswer(JSON.stringify(nothing))).toEqual({ ok: true, message: nothing })
    for (const refused of [
      { type: 'flush_refused', reason: 'busy' },
      { type: 'flush_refused', reason: 'expected', n: 4 },
    ] satisfies FlushRefused[])
      expect(decodeFlushAnswer(JSON.stringify(refused))).toEqual({ ok: true, message: refused })
  })

  it.each<[string, string]>([
    ['the page of a captive portal', '<!doctype html><title>Sign in</title>'],
    ['JSON of somebody else', '{"ok":true}'],
    ['an ack of the socket', JSON.stringify({ ...flushed, type: 'ack' })],
    ['a reason that is not known', '{"type":"flush_refused","reason":"later"}'],
    ['a stable number above hi', JSON.stringify({ ...flushed, stable: 5 })],
    ['no id at the stable number', JSON.stringify({ ...flushed, id: '' })],
    ['no ledger', JSON.stringify({ ...flushed, ledger: undefined })],
    ['no user', JSON.stringify({ ...flushed, user: undefined })],
    ['no client', JSON.stringify({ ...flushed, client: undefined })],
    ['no outcomes', JSON.stringify({ ...flushed, outcomes: undefined })],
    ['an outcome without a number', JSON.stringify({ ...flushed, outcomes: [{ reply: 1 }] })],
  ])('[P41] cannot be taken from anything else: %s', (_, text) => {
    expect(decodeFlushAnswer(text)).toEqual({ ok: false, error: expect.any(String) })
  })
})

describe('the outbox token', () => {
  const answerWith = (outboxToken: unknown): ReturnType<typeof decodeServerMessage> =>
    decodeServerMessage(
      JSON.stringify({
        type: 'session_restored',
        session: { id: ID },
        protocol: 1,
        user: null,
        connection: 1,
        ledger: ID,
        client: null,
        limits: DEFAULT_LIMITS,
        heartbeat: DEFAULT_HEARTBEAT,
        outboxToken,
      }),
    )

  it('[P37] is what a header can carry, or absent', () => {
    expect(answerWith('aB0-_.x')).toMatchObject({ ok: true, message: { outboxToken: 'aB0-_.x' } })
    const without = answerWith(undefined)
    expect(without.ok && Object.hasOwn(without.message, 'outboxToken')).toBe(false)
    for (const token of ['', 'a b', 'a\r\nX: y', 7, null, 't'.repeat(MAX_OUTBOX_TOKEN_LENGTH + 1)]) expect(answerWith(token).ok).toBe(false)
  })
})
