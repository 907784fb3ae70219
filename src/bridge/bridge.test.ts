import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Clock } from '../core/ports.ts'
import { DEFAULT_OUTBOX, DEFAULT_RECONNECT } from '../core/settings.ts'
import type { AttachRequest, HubApi, Result, TabApi } from './contract.ts'
import { serveTab } from './hub-end.ts'
import { openPeer } from './peer.ts'
import { callsOf } from './test-calls.ts'
import { openHubPort } from './tab-end.ts'

const ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const message = { id: ID, channel: 'agents', json: '{"a":1}' }
const since = { memory: ID, taken: 7 }
const request: AttachRequest = {
  bridge: 1,
  tab: ID,
  attempt: 1,
  lock: 'lock',
  settings: { url: 'wss://a/live', user: null, reconnect: DEFAULT_RECONNECT, outbox: DEFAULT_OUTBOX, hiddenDelayMs: 1_000 },
  visible: true,
  canAuthenticate: false,
  channels: [{ channel: 'agents', position: { epoch: ID, offset: 3, id: ID } }],
  watchesOutbox: false,
  unsettled: [ID],
}

class TestClock implements Clock {
  readonly timers = new Set<() => void>()
  nowMs = (): number => 0
  setTimer(_delayMs: number, run: () => void): () => void {
    this.timers.add(run)
    return () => this.timers.delete(run)
  }
  fire(): void {
    for (const run of this.timers) run()
  }
}

const never = new Promise<never>(() => {})
const ok: Result<null> = { ok: true, value: null }
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function pair(hub: Partial<HubApi> = {}, tab: Partial<TabApi> = {}) {
  const { port1, port2 } = new MessageChannel()
  const clock = new TestClock()
  const seen: [string, unknown[]][] = []
  const api = new Proxy({} as HubApi, {
    get: (_target, name: keyof HubApi) =>
      hub[name] ??
      ((...args: unknown[]) => {
        seen.push([name, args])
        return Promise.resolve(ok)
      }),
  })
  const served = serveTab(port1, api, { clock })
  const opened = openHubPort(
    port2,
    { deliver: () => Promise.resolve(null), credential: () => Promise.resolve({ ok: true, value: 'key' }), ...tab },
    clock,
  )
  closers.push(() => opened.close({ code: 'closed', message: '' }), served.close)
  return { hub: callsOf(opened), close: opened.close, served, clock, seen, port1, port2 }
}

describe('a port between tab and hub', () => {
  it('[TB1] a call that wants no answer is carried out, in order with the others, and only they are answered', async () => {
    const { port1, port2 } = new MessageChannel()
    const handled: unknown[] = []
    const peer = openPeer(port1, { deliver: async (value) => handled.push(value) }, new TestClock())
    closers.push(() => peer.close({ code: 'closed', message: 'over' }))
    const answers: unknown[] = []
    const answered = new Promise<void>((resolve) => {
      port2.addEventListener('message', ({ data }: MessageEvent<{ id: unknown }>) => {
        answers.push(data.id)
        resolve()
      })
    })
    port2.start()
    for (const [number, call] of ['', '', 'asked'].entries()) {
      port2.postMessage({ id: call, type: 'APPLY', path: ['deliver'], argumentList: [{ type: 'RAW', value: number }] })
    }
    await answered
    expect(handled).toEqual([0, 1, 2])
    expect(answers).toEqual(['asked'])
  })

  it('[TB1] carries calls in both directions at once', async () => {
    const delivered = vi.fn(() => Promise.resolve(null))
    const { hub, served, seen } = pair({ ping: () => Promise.resolve({ ok: true, value: { instance: ID } }) }, { deliver: delivered })
    const [pong, attached, given, credential] = await Promise.all([
      hub.ping(),
      hub.attach(request),
      served.tab.deliver({ errors: [] }),
      served.tab.credential(),
    ])
    expect(pong).toEqual({ ok: true, value: { instance: ID } })
    expect(attached).toEqual(ok)
    expect(given).toEqual(ok)
    expect(delivered).toHaveBeenCalledWith({ errors: [] })
    expect(credential).toEqual({ ok: true, value: 'key' })
    expect(seen).toEqual([['attach', [request]]])
  })

  it('[TB1] keeps the order of calls', async () => {
    const { hub, seen } = pair()
    await Promise.all([hub.subscribe([]), hub.send([message], since, false), hub.unsubscribe(['a']), hub.cancel(ID)])
    expect(seen.map(([name]) => name)).toEqual(['subscribe', 'send', 'unsubscribe', 'cancel'])
  })

  it('[TB2] answers hub-timeout after the deadline and leaves no timer behind', async () => {
    const { hub, clock } = pair({ ping: () => never })
    const pending = hub.ping()
    clock.fire()
    expect(await pending).toMatchObject({ ok: false, error: { code: 'hub-timeout' } })
    await hub.detach()
    expect(clock.timers.size).toBe(0)
  })

  it('[TB2] gives a tab a deadline for the credential but none for a delivery', async () => {
    const { served, clock } = pair({}, { credential: () => never, deliver: () => never })
    const credential = served.tab.credential()
    const delivery = served.tab.deliver({})
    expect(clock.timers.size).toBe(1)
    clock.fire()
    expect(await credential).toMatchObject({ ok: false, error: { code: 'hub-timeout' } })
    served.close()
    expect(await delivery).toMatchObject({ ok: false, error: { code: 'closed' } })
  })

  it('[TB3] settles everything in flight and every later call when closed', async () => {
    const { hub, close, clock } = pair({ send: () => never, ping: () => never })
    const pending = [hub.send([message], since, false), hub.ping()]
    close({ code: 'hub-failed', message: 'gone' })
    const gone = { ok: false, error: { code: 'hub-failed', message: 'gone' } }
    expect(await Promise.all(pending)).toEqual([gone, gone])
    expect(await hub.ping()).toEqual(gone)
    expect(clock.timers.size).toBe(0)
  })

  it('[TB3] [I24] keeps nothing of a port that was closed, not even what was in flight', async () => {
    const open = async (): Promise<WeakRef<object>> => {
      const held = { everything: 'of a tab' }
      const { hub, close } = pair({ send: () => new Promise(() => {}), ping: () => Promise.resolve(held as never) })
      await hub.ping()
      void hub.send([message], since, false)
      close({ code: 'closed', message: '' })
      closers.splice(0).forEach((closeAgain) => closeAgain())
      return new WeakRef(held)
    }
    const held = await open()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    await expect.poll(() => [collect(), held.deref() === undefined]).toEqual([undefined, true])
  })

  it('[TB4] carries errors as data', async () => {
    const error = { code: 'outbox-full', message: 'full' } as const
    const { hub } = pair({ send: () => Promise.resolve({ ok: false, error }) })
    expect(await hub.send([message], since, false)).toEqual({ ok: false, error })
  })

  it('[TB4] answers hub-failed when the hub throws', async () => {
    const { hub } = pair({
      ping: () => {
        throw new TypeError('oops')
      },
    })
    expect(await hub.ping()).toEqual({ ok: false, error: { code: 'hub-failed', message: 'TypeError: oops' } })
  })

  it.each<[keyof HubApi, unknown[]]>([
    ['attach', []],
    ['attach', [{ ...request, tab: 'x' }]],
    ['attach', [{ ...request, lock: '' }]],
    ['attach', [{ ...request, channels: [{ channel: 'a b', position: null }] }]],
    ['attach', [{ ...request, channels: [{ channel: 'a', position: { epoch: ID, offset: -1, id: '' } }] }]],
    ['attach', [{ ...request, unsettled: 'all' }]],
    ['subscribe', ['agents']],
    ['unsubscribe', [[1]]],
    ['send', [null]],
    ['send', [[{ ...message, json: '{"a":' }]]],
    ['send', [[{ ...message, json: '1},{"n":2' }]]],
    ['send', [[{ ...message, json: `${'['.repeat(61)}${']'.repeat(61)}` }]]],
    ['sendVolatile', [[{ ...message, channel: '' }]]],
    ['cancel', [{}]],
    ['send', [[message]]],
    ['send', [[message], { memory: 'x', taken: 0 }]],
    ['send', [[message], { ...since, taken: -1 }]],
    ['send', [[{ id: ID, retryOf: 'x' }], since]],
    ['discard', [5]],
    ['signal', ['explode']],
  ])('(W1) (SEC16) [TB5] refuses %s with wrong arguments before the hub sees them (%#)', async (name, args) => {
    const { hub, seen } = pair()
    const answer = await (hub[name] as (...args: unknown[]) => Promise<Result<unknown>>)(...args)
    expect(answer).toMatchObject({ ok: false, error: { code: 'protocol' } })
    expect(seen).toEqual([])
  })

  it.each<[string, unknown]>([
    ['url must be an address', { url: 'https://a/b' }],
    ['url must be an address', { url: 'ftp://a/b' }],
    ['url must not hold a credential', { url: 'wss://me:pw@a/b' }],
    ['url must not hold a credential', { url: 'wss://me@a' }],
    ['user must be a string of 1 to 256', { user: '' }],
    ['user must be a string of 1 to 256', { user: 'x'.repeat(257) }],
    ['hiddenDelayMs must be a number from 0 to 60000', { hiddenDelayMs: -1 }],
    ['reconnect.baseDelayMs must be a number from 1 to 3600000', { reconnect: { ...DEFAULT_RECONNECT, baseDelayMs: 0 } }],
    ['reconnect.maxDelayMs must not be below baseDelayMs', { reconnect: { ...DEFAULT_RECONNECT, maxDelayMs: 500 } }],
    ['reconnect.jitter must be a number from 0 to 1', { reconnect: { ...DEFAULT_RECONNECT, jitter: 1.1 } }],
    ['reconnect.maxAttempts must be a number from 1 to Infinity', { reconnect: { ...DEFAULT_RECONNECT, maxAttempts: NaN } }],
    ['outbox.maxMessages must be a whole number from 1 to 1000000', { outbox: { ...DEFAULT_OUTBOX, maxMessages: 1.5 } }],
    ['outbox.maxBytes must be a whole number', { outbox: { ...DEFAULT_OUTBOX, maxBytes: 5 } }],
    ['outbox.maxAgeMs must be a number', { outbox: { ...DEFAULT_OUTBOX, maxAgeMs: Infinity } }],
    ['outbox.durability must be relaxed or strict', { outbox: { ...DEFAULT_OUTBOX, durability: 'none' } }],
    ['outbox.mayRepeat must be send or hold', { outbox: { ...DEFAULT_OUTBOX, mayRepeat: 'no' } }],
  ])('[TB19] refuses a setting out of its range, naming the option and what it may be: %s', async (sentence, wrong) => {
    const { hub, seen } = pair()
    const answer = await hub.attach({ ...request, settings: { ...request.settings, ...(wrong as object) } })
    expect(answer).toMatchObject({ ok: false, error: { code: 'invalid-option', message: expect.stringContaining(sentence) as string } })
    expect(seen).toEqual([])
  })

  it('(SEC13) (SEC16) [TB5] hands the hub only fields of the contract', async () => {
    const { hub, seen } = pair()
    const retry = { id: ID, retryOf: ID }
    await hub.send([{ ...message, extra: 1 } as typeof message, { ...retry, json: '1' }], { ...since, extra: 1 } as typeof since, false)
    await hub.send([message], since, true)
    expect(seen).toEqual([
      ['send', [[message, retry], since, false]],
      ['send', [[message], since, true]],
    ])
  })

  it.each([
    { type: 'GET', path: ['ping'] },
    { type: 'SET', path: ['__proto__', 'polluted'], value: { type: 'RAW', value: 1 } },
    { type: 'APPLY', path: ['constructor'], argumentList: [] },
    { type: 'APPLY', path: ['ping', 'constructor'], argumentList: [] },
    { type: 'APPLY', path: ['ping'], argumentList: [{ type: 'HANDLER', name: 'proxy', value: 1 }] },
    { type: 'APPLY', path: 5 },
    { type: 'CONSTRUCT', path: ['ping'], argumentList: [] },
    { type: 'ENDPOINT' },
    { type: 'RELEASE' },
    { type: 'RAW', argumentList: 5 },
    'text',
    null,
  ])('(W1) [TB5] ignores %j on the port and goes on', async (raw) => {
    const { hub, port2, seen } = pair()
    const answers: unknown[] = []
    port2.addEventListener('message', ({ data }) => answers.push((data as { id: unknown }).id))
    port2.postMessage(typeof raw === 'object' && raw !== null ? { id: 'x', ...raw } : raw)
    expect(await hub.ping()).toEqual(ok)
    expect(seen).toEqual([['ping', []]])
    expect(answers).toEqual([expect.not.stringMatching('^x$')])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  it('(SEC16) [TB20] [I30] answers a call too many at a time with limit, on that port alone, and the next when one has ended', async () => {
    const waiting: ((answer: Result<{ instance: string }>) => void)[] = []
    const { hub } = pair({ ping: () => new Promise((resolve) => waiting.push(resolve)) })
    const calls = Array.from({ length: 1_000 }, () => hub.ping())
    expect(await hub.ping()).toMatchObject({ ok: false, error: { code: 'limit' } })
    expect(waiting).toHaveLength(1_000)
    const other = pair()
    expect(await other.hub.ping()).toEqual(ok)
    waiting[0]?.({ ok: true, value: { instance: ID } })
    await calls[0]
    void hub.ping()
    await expect.poll(() => waiting.length).toBe(1_001)
  })
})
