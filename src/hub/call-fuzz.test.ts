import { describe, expect, it } from 'vitest'
import { BRIDGE_VERSION } from '../bridge/contract.ts'
import { HUB_ARGUMENTS } from '../bridge/hub-arguments.ts'
import { holdLock } from '../bridge/liveness.ts'
import { id, message, settings } from '../core/testing/frames.ts'
import type { SeededRandom } from '../testing/seeded-random.ts'
import { fuzz, FUZZ_TIMEOUT_MS } from '../testing/fuzz/fuzz.ts'
import { pick, randomFields, randomJson, some } from '../testing/fuzz/random-json.ts'
import { randomServerFrame } from '../testing/fuzz/server-frames.ts'
import { keepProcessUnharmed } from '../testing/process-contract.ts'
import { settled, TestWorld } from './test-hub.ts'

/** What is posted to the port; a string is a frame of the server instead. */
type Input = { readonly posted: unknown } | string

const ids = ['one', 'two', 'three', 'stranger', 'client', 'epoch', 'session', 'ledger'].map(id)
const known = {
  ids,
  tokens: ['t'.repeat(43)],
  channels: ['agents', 'rooms', '@user', 'a..b', ''],
  users: ['ada', 'bob', null],
  sessions: [],
  places: [],
  outboxTokens: [],
  numbers: [],
}
/** All but the one after which nobody is served, by intent. */
const NAMES = Object.keys(HUB_ARGUMENTS).filter((name) => name !== 'signOut')

/** Values that JSON does not know, and ports carry all the same. */
const odd = (random: SeededRandom): unknown =>
  pick<() => unknown>(random, [
    () => undefined,
    () => 2n ** 70n,
    () => new Date(NaN),
    () => new Map([[{}, new Set([1])]]),
    () => new Uint8Array(8),
    () => new Error('odd'),
    () => /odd/g,
    () => [, 1], // oxlint-disable-line no-sparse-arrays
    () => NaN,
    () => randomJson(random),
  ])()

const attachRequest = {
  bridge: BRIDGE_VERSION,
  tab: id('stranger'),
  attempt: 1,
  lock: 'stranger',
  settings: settings(),
  visible: true,
  canAuthenticate: false,
  channels: [],
  watchesOutbox: false,
  unsettled: [],
}

function argumentsOf(random: SeededRandom, name: string): unknown[] {
  const someId = (): string => pick(random, ids)
  const channel = (): string => pick(random, known.channels.slice(0, random.next() < 0.9 ? 2 : 5))
  const loose = (fields: Record<string, unknown>): Record<string, unknown> => randomFields(random, fields, 0.03)
  const position = (): unknown =>
    loose({
      channel: channel(),
      position: random.next() < 0.5 ? null : loose({ epoch: id('epoch'), offset: random.integer(0, 5), id: someId() }),
    })
  const messages = (): unknown =>
    some(random, 4, () => loose({ id: someId(), channel: channel(), json: JSON.stringify(randomJson(random)) }))
  switch (name) {
    case 'attach':
      return [
        {
          ...loose({
            ...attachRequest,
            settings: random.next() < 0.9 ? settings() : loose({ ...settings() }),
            visible: random.next() < 0.5,
            canAuthenticate: random.next() < 0.5,
            channels: some(random, 2, position),
            watchesOutbox: random.next() < 0.5,
            unsettled: some(random, 3, someId),
          }),
          attempt: random.integer(0, 3),
          // A port whose lock is free is a dead tab's, and is closed without an answer.
          lock: 'stranger',
        },
      ]
    case 'subscribe':
      return [some(random, 3, position)]
    case 'unsubscribe':
      return [some(random, 3, channel)]
    case 'send':
      // One of these is the hub's store.
      return [messages(), loose({ memory: id(`made${random.integer(1, 4)}`), taken: random.integer(0, 2) }), random.next() < 0.3]
    case 'sendVolatile':
      return [messages()]
    case 'signal':
      return [pick(random, ['visible', 'hidden', 'online', 'offline', 'suspended', 'retry', 'watch-outbox', 'unwatch-outbox'])]
    case 'ping':
    case 'detach':
      return []
    default:
      return [someId(), id(`new${random.integer(1, 4)}`)]
  }
}

function call(random: SeededRandom, at: number): unknown {
  const name = at === 0 ? 'attach' : pick(random, NAMES)
  const args = argumentsOf(random, name).map((value) => (random.next() < 0.04 ? odd(random) : value))
  const whole = {
    id: random.next() < 0.9 ? `call-${at}` : '',
    type: 'APPLY',
    path: [name],
    argumentList: args.map((value) => ({ type: 'RAW', value })),
  }
  return random.next() < 0.05 ? odd(random) : randomFields(random, whole, 0.02)
}

async function play(inputs: readonly Input[]): Promise<void> {
  const world = new TestWorld()
  const hub = world.hub()
  const tab = world.tab(hub)
  await tab.attach({ channels: [{ channel: 'agents', position: null }] })
  let socket = await world.accept()
  await holdLock(world.locks, 'stranger')
  const { port1, port2 } = new MessageChannel()
  const answers: { readonly id: unknown; readonly type: unknown; readonly value?: unknown }[] = []
  port2.addEventListener('message', ({ data }: MessageEvent<(typeof answers)[number] & { readonly path?: unknown }>) => {
    if (data.type === 'APPLY') port2.postMessage({ id: data.id, type: 'RAW', value: null })
    else answers.push(data)
  })
  port2.start()
  hub.connect(port1)

  for (const input of inputs) {
    if (typeof input !== 'string') port2.postMessage(input.posted)
    else {
      await settled(2)
      socket.listener.frame(input)
      // The store answers before its deadline.
      await settled(2)
      if (socket.closedWith === null) continue
      world.clock.advance(31_000)
      await tab.hub.signal('retry')
      socket = await world.accept()
    }
  }
  await settled()
  world.clock.advance(1_000)
  await settled()

  // Whoever asked was answered with a result, never with a failure of the hub, and the other tab goes on.
  for (const { value } of answers) {
    expect(value).toMatchObject({ ok: expect.any(Boolean) as boolean })
    expect(value).not.toMatchObject({ error: { code: 'hub-failed' } })
  }
  const asked = inputs.filter((input) => typeof input !== 'string' && isCall(input.posted))
  expect(answers).toHaveLength(asked.length)
  expect(tab.errors.filter((code) => code !== 'protocol')).toEqual([])
  expect(await tab.hub.ping()).toMatchObject({ ok: true })
  expect(await tab.hub.send([message('own')])).toEqual({ ok: true, value: [{ queued: true }] })

  // Both pages end: the hub lets go of a port when the lock of its tab is free.
  port2.postMessage({ id: 'last', type: 'APPLY', path: ['attach'], argumentList: [{ type: 'RAW', value: attachRequest }] })
  await settled(3)
  world.locks.take('stranger')
  await tab.die()
  port2.close()
  world.close()
}

/** Whether this is a call as tabs make them, and wants an answer. */
function isCall(posted: unknown): boolean {
  const { id: callId, type, path, argumentList } = (posted ?? {}) as Record<string, unknown>
  if (callId === '' || type !== 'APPLY' || !Array.isArray(path) || !Array.isArray(argumentList)) return false
  return (
    path.length === 1 &&
    NAMES.includes(path[0] as string) &&
    argumentList.every((each) => (each as { type?: unknown } | null)?.type === 'RAW')
  )
}

describe('a hub whose port anybody may call', () => {
  keepProcessUnharmed()

  it(
    'answers every call, whatever it holds and whatever the server says meanwhile, and serves the others [TB4] [TB5] [I29] [I32]',
    () =>
      fuzz<Input>({
        title: 'calls to a hub',
        inputs: 3_000,
        session: (random) =>
          Array.from({ length: random.integer(5, 50) }, (_, at): Input => {
            if (at > 2 && random.next() < 0.15) return randomServerFrame(random, known)
            return { posted: call(random, at) }
          }),
        play,
        replay: play,
      }),
    FUZZ_TIMEOUT_MS,
  )
})
