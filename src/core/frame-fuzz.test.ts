import { describe, expect, it } from 'vitest'
import { createHost, type Host } from './testing/host.ts'
import { id, message, settings, welcome } from './testing/frames.ts'
import type { SocketDouble } from './testing/socket-double.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import { randomAnswer, randomServerFrame } from '../testing/fuzz/server-frames.ts'
import { fuzz, FUZZ_TIMEOUT_MS } from '../testing/fuzz/fuzz.ts'
import { keepProcessUnharmed } from '../testing/process-contract.ts'

const SENT = ['one', 'two', 'three', 'four'].map(id)
const known = {
  ids: [...SENT, id('client'), id('new1'), id('new2'), id('session'), id('ledger'), id('epoch'), id('m1'), id('m2')],
  tokens: ['t'.repeat(43), 'x'.repeat(43)],
  channels: ['agents', 'rooms'],
  users: ['ada', 'bob', null],
  sessions: [],
  places: [],
  outboxTokens: [],
  numbers: [],
}

/** A server that keeps the protocol. Serves until nothing more is said. */
class Healthy {
  readonly #hi = new Map<string, { hi: number; id: string }>()

  async serve(host: Host): Promise<void> {
    let heard = 0
    let socket = host.sockets.last()
    for (let idle = 0; idle < 40; idle++) {
      await host.settle()
      if (host.sockets.last() !== socket) {
        socket = host.sockets.last()
        heard = 0
      }
      if (heard === 0 && socket.received.length === 0) socket.listener.opened()
      for (const frame of socket.received.slice(heard)) {
        heard++
        this.#answer(socket, frame)
      }
      const { phase, outbox, channels } = host.runtime.state
      const atRest = phase.name === 'live' && outbox.entries.length === 0 && [...channels.values()].every(({ stage }) => stage === 'live')
      if (atRest && heard === socket.received.length) return
      host.clock.advance(1_000)
    }
  }

  #client = ''

  #answer(socket: SocketDouble, frame: SocketDouble['received'][number]): void {
    const say = (answer: ServerMessage): void => socket.send(answer)
    const subscriptions = (frame['subscriptions'] ?? []) as { sub: number; cursor: unknown }[]
    if (frame.type === 'hello') {
      this.#client = frame['client'] as string
      say(
        welcome({
          ledger: id('healthy'),
          session: { id: id('healthy'), token: 'h'.repeat(43) },
          client: this.#hi.get(this.#client) ?? null,
        }),
      )
    }
    for (const { sub, cursor } of subscriptions) {
      if (cursor !== null) say({ type: 'reset', sub, reason: 'epoch' })
      say({ type: 'subscribed', sub, head: { epoch: id('healthy'), offset: 0, id: '' }, verdict: 'start', follows: true })
    }
    if (frame.type === 'recall') say({ type: 'recalled', client: frame['client'] as string, fates: [] })
    if (frame.type === 'ping') say({ type: 'pong' })
    const numbers = (frame['messages'] ?? frame['numbers']) as { n: number; id: string }[] | undefined
    const last = numbers?.at(-1)
    if (last === undefined || (frame.type !== 'send' && frame.type !== 'skip')) return
    expect(numbers?.[0]?.n).toBe((this.#hi.get(this.#client)?.hi ?? 0) + 1)
    this.#hi.set(this.#client, { hi: last.n, id: last.id })
    say({ type: 'ack', hi: last.n, stable: last.n, id: last.id, outcomes: [] })
  }
}

async function play(inputs: readonly (string | null)[]): Promise<void> {
  const host = createHost({ settings: settings() })
  const { runtime, clock, sockets, store } = host
  runtime.dispatch({ type: 'start' })
  for (const channel of known.channels) runtime.dispatch({ type: 'subscribe', channel, cursor: null })
  await runtime.send([message('one'), message('two')])
  for (const [at, input] of inputs.entries()) {
    await host.settle()
    const socket = sockets.last()
    if (socket.received.length === 0 && socket.closedWith === null) {
      socket.listener.opened()
      if (!input?.startsWith('{"type":"session_')) socket.send(welcome())
    }
    if (at === 5) void runtime.send([message('three'), message('four')])
    socket.listener.frame(input)
    if (socket.closedWith === null) continue
    await host.settle()
    // Refused is for the app to end.
    if (runtime.state.phase.name === 'refused') runtime.dispatch({ type: 'retry' })
    clock.advance(31_000)
  }
  await host.settle()

  // Nothing of the outbox is lost or out of order, whatever the server said.
  const { outbox } = runtime.state
  expect(outbox.entries.map(({ n }) => n)).toEqual(Array.from({ length: outbox.next - 1 - outbox.acked }, (_, at) => outbox.acked + 1 + at))
  expect(store.outbox.entries.map((entry) => [entry.n, entry.id])).toEqual(outbox.entries.map((entry) => [entry.n, entry.id]))
  const ended = host.told('fates').flatMap(({ fates }) => fates.map((fate) => fate.id))
  const sent = inputs.length > 5 ? SENT : SENT.slice(0, 2)
  for (const each of sent) expect([...outbox.entries.map((entry) => entry.id), ...ended]).toContain(each)
  for (const frame of sockets.all.flatMap((socket) => socket.received)) expect(frame.type).toMatch(/^[a-z_]+$/)

  // And a healthy server brings everything to its end.
  if (sockets.last().closedWith === null) sockets.last().listener.closed(1006)
  await host.settle()
  runtime.dispatch({ type: 'retry' })
  clock.advance(61_000)
  await new Healthy().serve(host)
  expect(runtime.state.phase.name).toBe('live')
  expect(runtime.state.outbox.entries).toEqual([])
  expect([...runtime.state.channels.values()].map(({ stage }) => stage)).toEqual(['live', 'live'])
  const told = new Set(host.told('fates').flatMap(({ fates }) => fates.map((fate) => fate.id)))
  for (const each of sent) expect(told).toContain(each)
  runtime.dispatch({ type: 'stop' })
  await host.settle()
  expect(clock.running).toBe(0)
}

describe('a client that is sent anything', () => {
  keepProcessUnharmed()

  it(
    'loses nothing, gives up no number, and a healthy server brings it to rest [CN12] [CN16] [OB4] [I29] [I32]',
    () =>
      fuzz<string | null>({
        title: 'frames to a client',
        inputs: 35_000,
        session: (random) =>
          Array.from({ length: random.integer(3, 40) }, (_, at) => {
            if (at === 0 || random.next() < 0.08) return randomAnswer(random, known)
            return random.next() < 0.005 ? null : randomServerFrame(random, known)
          }),
        play,
        replay: play,
      }),
    FUZZ_TIMEOUT_MS,
  )
})
