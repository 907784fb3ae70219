import { describe, expect, it } from 'vitest'
import { attackServer } from './testing/attack-contract.ts'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import { clientFrame } from './testing/raw-peer.ts'
import type { LiveServerOptions } from './options.ts'
import { Rejected } from './rejected.ts'
import { randomClientFrame, randomHello, type Known } from '../testing/fuzz/client-frames.ts'
import { fuzz, FUZZ_TIMEOUT_MS } from '../testing/fuzz/fuzz.ts'
import { mutateBytes } from '../testing/fuzz/mutate.ts'
import { pick } from '../testing/fuzz/random-json.ts'
import { keepProcessUnharmed } from '../testing/process-contract.ts'
import { afterClose, CLOSE, type Cursor } from '../protocol/index.ts'

const WITNESS = 'witness'.padEnd(22, '_')
/** As the server of the test makes them, so that a hostile peer guesses right. */
const serverId = (at: number): string => `server-${at}`.padEnd(22, '_')
const serverToken = (at: number): string => `token-${at}`.padEnd(43, '_')

const numbers = [1, 2, 3, 4, 5, 6, 7, 8]
/** What hostile peers were told last. */
const sessions: { id: string; token: string }[] = []
const places: Cursor[] = []
const outboxTokens: { client: string; user: string | null; token: string }[] = []
/** The number the witness sends next. */
const nextNumber = [1]
const known: Known = {
  ids: [WITNESS, ...numbers.map(serverId), ...numbers.map((at) => `mine-${at}`.padEnd(22, '_'))],
  tokens: [...numbers.map(serverToken), 'x'.repeat(43)],
  channels: ['room', 'room', 'hall', 'slow', 'broken', 'empty', 'witness', 'closed', '@user', '@witness', '@'],
  users: [...Array.from({ length: 8 }, () => ['mallory', 'eve']).flat(), 'nobody', null],
  sessions,
  places,
  outboxTokens,
  numbers: nextNumber,
}

const hooks: LiveServerOptions = {
  authenticate: ({ credential }) => {
    if (credential === 'nobody') throw new Error('nobody')
    if (credential === 'eve') return Promise.resolve({ user: 'eve', expiresAtMs: Number.MAX_SAFE_INTEGER })
    return credential === 'mallory' || credential === 'witness' ? { user: credential } : null
  },
  authorize: ({ user, channel }) => {
    if (channel === 'closed') throw new Error('closed')
    if (channel === 'slow') return Promise.resolve(true)
    return channel !== 'witness' || user === 'witness'
  },
  snapshot: (channel) => {
    if (channel === 'broken') throw new Error('broken')
    return channel === 'empty' ? undefined : { channel }
  },
  onMessage: ({ data, channel }, context) => {
    if (data === 'throw') throw new Error('throw')
    if (data === 'reject') throw new Rejected('reject')
    if (data === 'wait') return Promise.resolve('waited')
    if (channel === 'room' || channel === 'witness') context.publish(channel, data)
    return channel === 'hall' ? data : undefined
  },
}

/** A server and its witness, who must never notice anything. */
class Scene {
  readonly server: FakeServer
  #witness: FakePeer | undefined
  #n = 0

  constructor() {
    let ids = 0
    let tokens = 0
    const random = { id: () => serverId(++ids), token: () => serverToken(++tokens) }
    const history = { messages: 20, ageMs: 1_000 }
    this.server = fakeServer({ ...hooks, random, history, sessions: { ttlMs: 1_000, clientTtlMs: 2_000, sweepMs: 500 } })
  }

  async play(inputs: readonly (string | null)[]): Promise<void> {
    const { core, clock } = this.server
    const witness = (this.#witness ??= await this.#open())
    const peer = this.server.peer()
    for (const [at, input] of inputs.entries()) {
      if (input === null) peer.binary()
      else peer.text(input)
      if (at % 4 === 0) await clock.settle()
    }
    await clock.settle()
    if (peer.closedWith === undefined) {
      // What is still open is alive.
      const pongs = peer.all('pong').length
      peer.say({ type: 'ping' })
      expect(peer.all('pong').length).toBe(pongs + 1)
    } else {
      expect(Object.values(CLOSE).map(({ code }) => code)).toContain(peer.closedWith.code)
      expect(afterClose(peer.closedWith.code)).toMatch(/retry|refuse/)
    }
    for (const { session, user, outboxToken: token = '' } of peer.all('session_init')) {
      sessions.unshift(session)
      outboxTokens.unshift({ client: (JSON.parse(inputs[0] ?? '{}') as { client: string }).client, user, token })
    }
    for (const { head } of peer.all('subscribed')) places.unshift(head)
    sessions.splice(4)
    outboxTokens.splice(4)
    places.splice(8)
    peer.drop()

    const id = freshId()
    this.#n += 1
    witness.say({ type: 'send', confirmed: this.#n - 1, messages: [{ n: this.#n, id, channel: 'witness', data: this.#n }] })
    await clock.pass(20)
    expect(witness.closedWith).toBeUndefined()
    expect(witness.all('ack')).toEqual([{ type: 'ack', hi: this.#n, stable: this.#n, id, outcomes: [] }])
    expect(witness.messagesOf(1)).toMatchObject([{ offset: this.#n, data: this.#n, origin: id }])
    expect(witness.received).toHaveLength(2)
    witness.received.length = 0
    witness.frames.length = 0
    nextNumber[0] = this.#n + 1
    // A hook that throws is told as such; a server that fails is not a hook's doing.
    expect(core.metrics().totals['failures']).toBeUndefined()
    expect(core.metrics().sockets).toBe(1)
    this.server.logs.length = 0
  }

  /** What is kept for a time is forgotten, and nothing of the witness. Handlers that throw are tried again for a while, each for its client. */
  async forget(): Promise<void> {
    const { core } = this.server
    for (let tries = 0; tries < 100 && core.metrics().lanes > 1; tries++) await this.#passHearing(1_000)
    await this.#passHearing(3_000)
    expect(core.metrics()).toMatchObject({ sockets: 1, sessions: 1, clients: 1, logMessages: 0 })
  }

  /** Lets time pass in which the witness is heard. */
  async #passHearing(ms: number): Promise<void> {
    this.#witness?.say({ type: 'ping' })
    await this.server.clock.pass(ms)
    this.#witness?.received.splice(0)
    this.#witness?.frames.splice(0)
  }

  async #open(): Promise<FakePeer> {
    const subscriptions = [{ sub: 1, channel: 'witness', cursor: null }]
    const witness = await this.server.open({ client: WITNESS, user: 'witness', credential: 'witness', subscriptions })
    witness.received.length = 0
    return witness
  }

  async end(): Promise<void> {
    const { core, clock } = this.server
    await clock.pass(60_000)
    expect(core.metrics()).toMatchObject({ sockets: 0, sessions: 0, clients: 0, lanes: 0, queued: 0, channelsRead: 0, logMessages: 0 })
  }
}

describe('a server that is sent anything', () => {
  keepProcessUnharmed()

  it(
    'processes, answers or closes; no other session notices, and nothing is left behind [P1] [P2] [I29] [I24]',
    async () => {
      const scene = new Scene()
      await fuzz<string | null>({
        title: 'frames to a server',
        inputs: 57_000,
        session(random) {
          const greeting = random.next() < 0.9 ? [randomHello(random, known)] : []
          const frames: (string | null)[] = []
          for (let left = random.integer(1, 30); left > 0; left--) {
            const chance = random.next()
            // What was said before is said again, as after a lost answer.
            if (chance < 0.1 && frames.length > 0) frames.push(pick(random, frames))
            else frames.push(chance > 0.998 ? null : randomClientFrame(random, known))
          }
          return [...greeting, ...frames]
        },
        play: (inputs) => scene.play(inputs),
        replay: (inputs) => new Scene().play(inputs),
        forget: () => scene.forget(),
      })
      expect(scene.server.core.metrics().totals['admitted.sendOnly']).toBeGreaterThan(10)
      await scene.end()
    },
    FUZZ_TIMEOUT_MS,
  )
})

describe('a server on a real socket that is sent any bytes', () => {
  // Nothing is tried again: real time would have to pass.
  const server = attackServer(
    {
      ...hooks,
      onMessage: ({ data }) => data,
      limits: { frameBytes: 65_536, messageBytes: 4_096 },
      sessions: { ttlMs: 300, clientTtlMs: 600, sweepMs: 100 },
      // The witness says nothing before the end, however long that is.
      heartbeat: { hiddenPingMs: 3_600_000 },
    },
    { user: 'witness', credential: 'witness' },
  )

  it(
    'closes what it cannot read, and lets nobody else notice [I29]',
    async () => {
      const play = async (inputs: readonly Buffer[]): Promise<void> => {
        const peer = await server.raw({ user: 'mallory', credential: 'mallory' })
        for (const input of inputs) peer.socket.write(input)
        peer.socket.destroySoon()
        await peer.closed
        await server.isAlone()
      }
      await fuzz<Buffer>({
        title: 'bytes to a real socket',
        inputs: 5_000,
        session: (random) =>
          Array.from({ length: random.integer(5, 40) }, () => {
            const first = random.next() < 0.9 ? 0x81 : random.integer(0, 255)
            const frame = clientFrame(first, randomClientFrame(random, known))
            return random.next() < 0.9 ? frame : mutateBytes(random, frame)
          }),
        play,
        replay: play,
        forget: () => server.hasForgotten(),
      })
    },
    FUZZ_TIMEOUT_MS,
  )
})
