import { describe, expect, it } from 'vitest'
import { DEFAULT_OUTBOX, DEFAULT_RECONNECT } from '../core/settings.ts'
import { checkOptions, type ConnectOptions } from './options.ts'

const BASE = 'https://app.test/list/?q=1#top'
const urlOf = (url: string | URL): string => checkOptions({ url }, BASE).settings.url

describe('options of connect', () => {
  it('[TB19] are completed with the documented defaults', () => {
    expect(checkOptions({ url: '/live' }, BASE).settings).toEqual({
      url: 'wss://app.test/live',
      user: null,
      reconnect: DEFAULT_RECONNECT,
      outbox: DEFAULT_OUTBOX,
      hiddenDelayMs: 1_000,
    })
    expect(checkOptions({ url: '/live', outbox: { maxAgeMs: 5_000 }, reconnect: { jitter: 0 } }, BASE).settings).toMatchObject({
      outbox: { ...DEFAULT_OUTBOX, maxAgeMs: 5_000 },
      reconnect: { ...DEFAULT_RECONNECT, jitter: 0 },
    })
  })

  it('[TB19] make any address an absolute WebSocket address without fragment', () => {
    expect(urlOf('live?a=1#x')).toBe('wss://app.test/list/live?a=1')
    expect(urlOf('http://other.test:8080/x')).toBe('ws://other.test:8080/x')
    expect(urlOf('ws://other.test')).toBe('ws://other.test/')
    expect(urlOf(new URL('https://other.test/x'))).toBe('wss://other.test/x')
  })

  it('(W3) (SEC7) [TB19] give one scope to all queries, and another to every user and path', () => {
    const key = (url: string, user?: string): string => checkOptions({ url, ...(user && { user }) }, BASE).scopeKey
    expect(key('/live?a')).toBe(key('wss://app.test/live?b'))
    expect(new Set([key('/live'), key('/live', 'ann'), key('/live', 'bob'), key('/other'), key('ws://app.test/live')]).size).toBe(5)
  })

  it.each<[string, unknown]>([
    ['options must be of type Object, not Null', null],
    ['urls is not one of url, user,', { url: '/a', urls: '/b' }],
    ['url must be an address', {}],
    ['url must be an address', { url: '' }],
    ['url must be an address', { url: ' ' }],
    ['hubUrl must be an address', { url: '/a', hubUrl: '' }],
    ['url must be of type string, not number', { url: 5 }],
    ['url must be an address', { url: 'https://' }],
    ['user must be of type string', { url: '/a', user: 7 }],
    ['token must be of type function', { url: '/a', token: 'secret' }],
    ['hub must be of type function', { url: '/a', hub: './hub.js' }],
    ['hubUrl must be of type string', { url: '/a', hubUrl: 5 }],
    ['build must be of type string', { url: '/a', build: 7 }],
    ['build must be at most 64 of', { url: '/a', build: 'b 1' }],
    ['build must be at most 64 of', { url: '/a', build: 'b'.repeat(65) }],
    ['hubUrl and hub exclude each other', { url: '/a', hubUrl: '/hub.js', hub: () => null }],
    ['reconnect must be of type Object, not number', { url: '/a', reconnect: 5 }],
    ['reconnect must be of type Object, not Map', { url: '/a', reconnect: new Map([['jitter', 0]]) }],
    ['outbox must be of type Object, not Null', { url: '/a', outbox: null }],
    ['constructor is not one of', { url: '/a', constructor: () => 1 }],
    ['outbox.durability must be of type string', { url: '/a', outbox: { durability: true } }],
    ['reconnect.delay is not one of baseDelayMs,', { url: '/a', reconnect: { delay: 5 } }],
    ['reconnect.stableAfterMs must be of type number', { url: '/a', reconnect: { stableAfterMs: '5' } }],
  ])('[TB19] are refused, naming the option and what it may be: %s', (sentence, options) => {
    expect(() => checkOptions(options as ConnectOptions, BASE)).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(sentence) }),
    )
  })

  it('[TB19] treat undefined as left out', () => {
    const options = { url: '/a', user: undefined, reconnect: { jitter: undefined }, hub: undefined } as unknown as ConnectOptions
    expect(checkOptions(options, BASE).settings).toMatchObject({ user: null, reconnect: DEFAULT_RECONNECT })
  })
})
