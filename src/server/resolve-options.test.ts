import { describe, expect, it } from 'vitest'
import { welcome } from '../core/testing/frames.ts'
import { DEFAULT_HEARTBEAT, DEFAULT_LIMITS, decodeServerMessage } from '../protocol/index.ts'
import { MAX_ITEMS } from '../protocol/limits.ts'
import { LIMIT_RANGES, resolveOptions } from './resolve-options.ts'

const refused: readonly [string, unknown][] = [
  ['an unknown option', { authentificate: () => null }],
  ['a hook that is no function', { authenticate: true }],
  ['an unknown limit', { limits: { frames: 1 } }],
  ['a limit of the wrong type', { limits: { frameBytes: '1' } }],
  ['a limit that is not a number', { limits: { frameBytes: Number.NaN } }],
  ['a limit out of range', { limits: { sendWindow: 0 } }],
  ['a limit that is undefined', { limits: { sendWindow: undefined } }],
  ['a frame too small for a message', { limits: { frameBytes: 100_000 } }],
  ['a burst of messages below the window', { limits: { messageBurst: 10 } }],
  ['a burst of subscriptions below the channels', { limits: { subscriptionBurst: 10 } }],
  ['fewer unconfirmed numbers than the window', { limits: { unconfirmed: 10 } }],
  ['limits that are null', { limits: null }],
  ['unknown history', { history: { count: 1 } }],
  ['history out of range', { history: { messages: 0 } }],
  ['unknown session options', { sessions: { ttl: 1 } }],
  ['a heartbeat out of range', { heartbeat: { pingMs: 1 } }],
  ['origins that are no array', { allowedOrigins: 'https://a.example' }],
  ['an origin with a path', { allowedOrigins: ['https://a.example/app'] }],
  ['an origin that browsers write otherwise', { allowedOrigins: ['https://A.example'] }],
  ['the null origin', { allowedOrigins: ['null'] }],
  ['an engine that is none', { engine: 'redis' }],
  ['users who are told apart, of whom nobody says what each may do', { authenticate: () => null }],
  ['a way to send only that is none', { sendOnly: 'until-credential-end' }],
  ['a hook for outboxes that is no function', { authorizeOutbox: true }],
]

describe('resolveOptions', () => {
  it.each(refused)('refuses %s', (_what, options) => {
    expect(() => resolveOptions(options as never)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })

  it('says how to allow everything to everybody', () => {
    expect(() => resolveOptions({ authenticate: () => null })).toThrow(/authorize .*\(\) => true/)
    expect(resolveOptions({ authenticate: () => null, authorize: () => true }).sendOnly).toBe(true)
  })

  it.each([
    ['highest', 1],
    ['lowest', 0],
  ])('[P60] every limit at its %s value contradicts none of the others', (_, end) => {
    const limits = Object.fromEntries(Object.entries(LIMIT_RANGES).map(([name, range]) => [name, range[end]]))
    const { announced } = resolveOptions({ limits })
    const { frameBytes, messageBytes, sendWindow, messageBurst, unconfirmed, channels, subscriptionBurst } = announced
    // One message in a frame; a whole window, and every channel, at once; a list of a frame holds a window.
    expect([frameBytes - 1_024 >= messageBytes, messageBurst >= sendWindow, unconfirmed >= sendWindow]).toEqual([true, true, true])
    expect([subscriptionBurst >= channels, MAX_ITEMS >= sendWindow, MAX_ITEMS >= channels]).toEqual([true, true, true])
    // A refusal of 2,000 characters that JSON escapes, and a question with its answer, fit the smallest frame.
    expect([frameBytes >= 2_000 * 6 + 1_024, Math.floor(frameBytes / 128) > 0]).toEqual([true, true])
    // What a server announces, clients take.
    const answer = { ...welcome({ limits: announced }) }
    expect(decodeServerMessage(JSON.stringify(answer))).toMatchObject({ ok: true })
  })

  it.each(Object.entries(LIMIT_RANGES))('[P60] %s at its highest, and the others left out, contradict nothing', (name, [, most]) => {
    const given = name === 'messageBytes' ? { messageBytes: most, frameBytes: most + 1_024 } : { [name]: most }
    expect(() => resolveOptions({ limits: given })).not.toThrow()
  })

  it('fills in what is left out', () => {
    const settings = resolveOptions({ limits: { sendWindow: 10 }, sessions: { ttlMs: 1_000 } })
    expect(settings.announced).toEqual({ ...DEFAULT_LIMITS, sendWindow: 10 })
    expect(settings.limits).toMatchObject({
      frameBurst: 200,
      messagesPerSecond: 10_000,
      messageBurst: 20_000,
      outboundBytes: 2 ** 20,
      helloMs: 10_000,
    })
    expect(settings.heartbeat).toEqual(DEFAULT_HEARTBEAT)
    expect(settings.sessions.sweepMs).toBe(500)
    expect(settings.history('agents')).toEqual(DEFAULT_LIMITS.history)
  })

  it('lets a function decide the history of each channel', () => {
    const { history } = resolveOptions({ history: (channel) => (channel === 'rare' ? { messages: 10 } : {}) })
    expect([history('rare').messages, history('other').messages]).toEqual([10, 1_000])
  })

  it('takes origins as browsers write them', () => {
    expect(resolveOptions({ allowedOrigins: ['https://a.example', 'http://localhost:8080/'] }).allowedOrigins).toEqual([
      'https://a.example',
      'http://localhost:8080',
    ])
  })
})
