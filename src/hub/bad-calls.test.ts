import { beforeEach, describe, expect, it } from 'vitest'
import { BRIDGE_VERSION, OLDEST_BRIDGE_VERSION } from '../bridge/contract.ts'
import { holdLock } from '../bridge/liveness.ts'
import { id, message, settings } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import type { Hub } from './hub.ts'
import { keepProcessUnharmed } from '../testing/process-contract.ts'
import { numbersSent, perTest, say, settled, type TestTab, type TestWorld } from './test-hub.ts'

const SINCE = { memory: id('memory'), taken: 0 }

let world: TestWorld
perTest((fresh) => (world = fresh))
keepProcessUnharmed()

/** What a script of the origin says over a port of its own, and what it is answered. */
class Stranger {
  readonly answers: { readonly id: unknown; readonly value?: unknown }[] = []
  readonly port: MessagePort

  constructor(hub: Hub) {
    const { port1, port2 } = new MessageChannel()
    this.port = port2
    port2.addEventListener('message', ({ data }: MessageEvent<{ id: unknown; value?: unknown }>) => this.answers.push(data))
    port2.start()
    hub.connect(port1)
  }

  call(name: string, ...args: readonly unknown[]): void {
    this.port.postMessage({ id: name, type: 'APPLY', path: [name], argumentList: args.map((value) => ({ type: 'RAW', value })) })
  }
}

const attachRequest = (changes: object = {}): object => ({
  bridge: BRIDGE_VERSION,
  tab: id('stranger'),
  attempt: 1,
  lock: 'stranger',
  // It has no lock, and wants to be taken all the same.
  apart: true,
  settings: settings(),
  visible: true,
  canAuthenticate: false,
  channels: [],
  watchesOutbox: false,
  unsettled: [],
  ...changes,
})

describe('a port that anybody of the origin may open', () => {
  let hub: Hub
  let tab: TestTab
  let socket: SocketDouble
  let stranger: Stranger

  beforeEach(async () => {
    hub = world.hub()
    tab = world.tab(hub)
    await tab.attach()
    socket = await world.accept()
    stranger = new Stranger(hub)
    return () => stranger.port.close()
  })

  /** The other tab was told nothing, and works. */
  async function othersGoOn(): Promise<void> {
    expect([tab.errors, tab.status]).toEqual([[], 'connected'])
    expect(await tab.hub.send([message('own')])).toEqual({ ok: true, value: [{ queued: true }] })
    expect(numbersSent(socket)).toEqual([[1, id('own')]])
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('own'), outcomes: [] })
    expect(tab.fates.at(-1)).toEqual({ id: id('own'), fate: 'applied' })
  }

  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const values: readonly [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a number', NaN],
    ['a big integer', 2n ** 64n],
    ['text', '{"type":"APPLY"}'],
    ['a date', new Date(NaN)],
    ['a map', new Map([['type', 'APPLY']])],
    ['bytes', new Uint8Array(1_000)],
    ['a cycle', cyclic],
    ['an error', new RangeError('x')],
    ['an array as long as can be', Object.assign([], { length: 2 ** 32 - 1 })],
    ['a call of something inherited', { id: 'x', type: 'APPLY', path: ['toString'], argumentList: [] }],
    [
      'a call with a path of a million',
      { id: 'x', type: 'APPLY', path: Array.from({ length: 1_000_000 }, () => 'ping'), argumentList: [] },
    ],
    ['a call with a hostile path', { id: 'x', type: 'APPLY', path: ['__proto__'], argumentList: [{ type: 'RAW', value: 1 }] }],
    ['a call that is no call', { id: 'x', type: 'APPLY', path: ['send'], argumentList: 'send' }],
    ['a thrown value', { id: 'x', type: 'HANDLER', name: 'throw', value: { isError: true, value: { message: 'x' } } }],
    ['an answer to a question nobody asked', { id: 'x', type: 'RAW', value: { ok: true } }],
  ]
  it.each(values)('(W1) is not answered for %s, and others go on [TB5] [I29]', async (_title, value) => {
    stranger.port.postMessage(value)
    await settled()
    expect(stranger.answers).toEqual([])
    await othersGoOn()
  })

  it.each<[string, string, unknown[], string]>([
    ['another version', 'attach', [attachRequest({ bridge: BRIDGE_VERSION + 1 })], 'version'],
    ['a version that is served no more', 'attach', [attachRequest({ bridge: OLDEST_BRIDGE_VERSION - 1 })], 'version'],
    ['another version whose request looks different', 'attach', [{ bridge: BRIDGE_VERSION + 1 }], 'version'],
    ['a version that is none', 'attach', [attachRequest({ bridge: '1' })], 'protocol'],
    ['a call before it attached', 'send', [[message('stolen')], SINCE], 'closed'],
    ['a sign that is none', 'signal', [{ toString: null }], 'protocol'],
    ['30,000 messages', 'send', [Array.from({ length: 30_000 }, (_, at) => message(at)), SINCE], 'protocol'],
    // No list of channels is too long (HU27): the port has no tab behind it.
    ['30,000 channels', 'subscribe', [Array.from({ length: 30_000 }, (_, at) => ({ channel: `c${at}`, position: null }))], 'closed'],
    ['text nested 100,000 deep', 'send', [[{ ...message('deep'), json: '['.repeat(100_000) }], SINCE], 'protocol'],
    ['a cycle', 'attach', [cyclic], 'protocol'],
    [
      'the settings of another address',
      'attach',
      [attachRequest({ settings: { ...settings(), url: 'wss://evil.test/live' } })],
      'options-disagree',
    ],
  ])('(W1) gets an error of its own for %s, and others go on [TB4] [TB5] [HU13]', async (_title, name, args, code) => {
    stranger.call(name, ...args)
    await settled()
    world.clock.advance(1_000)
    await expect.poll(() => stranger.answers).toMatchObject([{ id: name, value: { ok: false, error: { code } } }])
    await othersGoOn()
  })

  it('(W1) gets an error of its own for a message of 100 MB, and others go on [TB5] [I30]', async () => {
    await holdLock(world.locks, 'stranger')
    stranger.call('attach', attachRequest())
    await settled()
    stranger.call('send', [{ ...message('big'), json: JSON.stringify('x'.repeat(100 * 2 ** 20)) }], world.taken(), false)
    const answer = (): unknown => stranger.answers.find((each) => each.id === 'send')?.value
    await expect.poll(answer, { timeout: 25_000 }).toMatchObject({ ok: false, error: { code: 'outbox-full' } })
    await othersGoOn()
  }, 30_000)

  it.each<[string, unknown]>([
    ['is empty', ''],
    ['is longer than a frame may carry', 'x'.repeat(16_385)],
    ['is no text', { toString: null }],
  ])('(W1) that gives a credential that %s is passed over for the next tab [HU14] [I29]', async (_title, credential) => {
    await tab.hub.detach()
    const strange = world.tab(hub, 'strange')
    strange.credential = () => Promise.resolve({ ok: true, value: credential as string })
    await strange.attach()
    await tab.attachAgain(hub)
    socket.listener.closed(1006)
    world.clock.advance(1_000)
    await world.accept()
    expect(world.sockets.last().received[0]).toMatchObject({ type: 'hello', credential: 'secret' })
  })

  it('(W1) that floods is answered call by call, and others are served in between [TB5] [I32]', async () => {
    for (let at = 0; at < 10_000; at++) stranger.call('ping')
    await othersGoOn()
    await expect.poll(() => stranger.answers.length).toBe(10_000)
    const codes = stranger.answers.map(({ value }) => (value as { error: { code: string } }).error.code)
    expect(new Set(codes)).toEqual(new Set(['closed']))
  })

  it('(W1) that names the id of another tab ends its port, and that tab comes back by another [HU16] [I32]', async () => {
    stranger.call('attach', attachRequest({ tab: tab.id }))
    await settled()
    await tab.attachAgain(hub)
    expect(tab.status).toBe('connected')
    expect(await tab.hub.send([message('own')])).toEqual({ ok: true, value: [{ queued: true }] })
  })
})
