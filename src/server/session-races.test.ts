import { describe, it } from 'vitest'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { pass, race, steps, type RaceWorld, type Schedule } from '../core/testing/race-model.ts'
import type { Cursor, Id, SessionKey } from '../protocol/index.ts'
import type { Commit } from './engine.ts'
import { LiveCore } from './live-core.ts'
import type { IncomingMessage, MessageContext } from './options.ts'
import { Rejected } from './rejected.ts'
import { resolveOptions } from './resolve-options.ts'
import { freshId } from './testing/fake-peer.ts'
import { RacePeer } from './testing/race-peer.ts'
import { sharedEngine } from './testing/scheduled-engine.ts'

/**
 * One server after the other on one engine, and the sockets of one client: some of one session, some of another, as a
 * service worker's would be.
 */
class SessionWorld implements RaceWorld {
  readonly violations: string[] = []
  readonly clock = createFakeClock()
  readonly ids: Id[] = []
  readonly #schedule: Schedule
  readonly #engine: ReturnType<typeof sharedEngine>
  readonly #client: Id = freshId()
  readonly #peers: RacePeer[] = []
  readonly #newest = new Map<Id, number>()
  readonly #committed: Commit[] = []
  /** What a server said it does not know, and what it was not told again since. */
  readonly #unknown = new Set<Id>()
  readonly #sayers = new Map<Id, Set<RacePeer>>()
  #hasFailed = false
  readonly #conflicting = new Set<RacePeer>()
  readonly #cursors: Cursor[] = []
  #life = { isAlive: true }
  #core!: LiveCore
  #session: SessionKey | null = null
  #confirmed = 0
  #handled = 0
  /** What hooks do: answer at once, later, fail at first. */
  mood = 0

  constructor(schedule: Schedule, options: number) {
    this.#schedule = schedule
    this.#engine = sharedEngine(schedule)
    this.#engine.committed = (client, commit) => this.#commit(client, commit)
    this.mood = options
    this.#start()
  }

  #start(): void {
    const life = (this.#life = { isAlive: true })
    const { clock } = this
    this.#core = new LiveCore(
      resolveOptions({
        engine: this.#engine.forServer(life),
        clock: {
          nowMs: () => clock.nowMs(),
          wallMs: () => 1_800_000_000_000 + clock.nowMs(),
          setTimer: (delayMs, run) => clock.setTimer(delayMs, () => life.isAlive && run()),
          soon: (run) => void this.#schedule('soon').then(() => life.isAlive && run()),
        },
        log: () => {},
        history: { messages: 4 },
        onMessage: (message, context) => this.#handle(message, context),
        snapshot: async (_channel, { head }) => {
          await this.#schedule('snapshot')
          if (this.mood % 5 === 4 && head.offset % 2) throw new Error('no value')
          return head.offset
        },
      }),
    )
  }

  hi = (): number => {
    const record = this.#engine.inner.loadClient(this.#client)
    return record instanceof Promise ? 0 : (record?.hi ?? 0)
  }

  isReplaced = (peer: RacePeer): boolean => {
    const session = peer.session ?? (peer.received[0] as { session?: SessionKey } | undefined)?.session?.id
    return session !== undefined && peer.connection > 0 && (this.#newest.get(session) ?? 0) > peer.connection
  }

  answered = (peer: RacePeer): void => {
    const { session } = peer.answer()
    if ('token' in session && !peer.isAside) this.#session = session
    this.#newest.set(session.id, Math.max(this.#newest.get(session.id) ?? 0, peer.connection))
  }

  unlisted = (ids: readonly Id[]): void => {
    for (const id of ids) this.#unknown.add(id)
  }

  closedAsFailed = (): void => {
    if (!this.#hasFailed) this.wrong('[I32] the engine is said to have failed, and has not')
  }

  wrong = (what: string): void => void this.violations.push(what)

  /** @param isAside under a session of its own, beside the others */
  connect(isAside: boolean, choice: number = 0): RacePeer {
    const cursor = choice < 4 ? (this.#cursors.at(-1 - choice) ?? null) : null
    const hello = { client: this.#client, session: isAside ? null : this.#session, confirmed: this.#confirmed }
    const peer = new RacePeer(this.#core, this, hello, cursor)
    peer.isAside = isAside
    this.#peers.push(peer)
    return peer
  }

  peer(choice: number): RacePeer | undefined {
    const open = this.#peers.filter(({ isOpen, closedWith }) => isOpen && !closedWith)
    return open[open.length - 1 - (choice % Math.max(1, open.length))]
  }

  /** Sends what comes after a number, held already or new. */
  send(peer: RacePeer | undefined, from: number, count: number): void {
    if (!peer || peer.connection === 0) return
    const messages = Array.from({ length: count }, (_, at) => {
      const n = from + at
      const id = (this.ids[n - 1] ??= freshId())
      this.#unknown.delete(id)
      for (const other of this.#peers) other.unask(id)
      this.#sayers.set(id, (this.#sayers.get(id) ?? new Set()).add(peer))
      return { n, id, channel: 'a', data: n }
    })
    peer.say({ type: 'send', confirmed: this.#confirmed, messages })
  }

  sendNext(choice: number): void {
    this.send(this.peer(choice > 5 ? 1 : 0), this.ids.length + 1, 1 + (choice % 3))
  }

  sendAgain(choice: number): void {
    const from = Math.max(1, this.ids.length - choice)
    this.send(this.peer(choice), from, this.ids.length - from + 1)
  }

  /** A number over a gap, and a known number under another id. */
  sendWrong(choice: number): void {
    const peer = this.peer(choice)
    if (!peer || peer.connection === 0) return
    const n = choice % 2 ? this.ids.length + 2 : this.hi()
    if (n === 0) return
    if (n === this.hi()) this.#conflicting.add(peer)
    peer.say({ type: 'send', confirmed: 0, messages: [{ n, id: freshId(), channel: 'a', data: 0 }] })
  }

  publish(): void {
    this.#core.publish('a', 'news').catch(() => {})
  }

  confirm(): void {
    this.#confirmed = Math.max(this.#confirmed, ...this.#peers.flatMap((peer) => peer.all('ack').map(({ stable }) => stable)))
  }

  /** The client keeps the place of a peer. */
  keepPlace(choice: number): void {
    const place = this.peer(choice)?.place
    if (place) this.#cursors.push(place)
  }

  recall(peer: RacePeer): void {
    peer.recall(this.ids.slice(-30), this.#client)
  }

  /** The network of a peer takes what waits for it. */
  read(choice: number): void {
    const peer = this.peer(choice)
    if (!peer) return
    peer.isStalled = false
    peer.read()
  }

  drop(choice: number): void {
    const peer = this.peer(choice)
    if (!peer) return
    peer.isOpen = false
    peer.drop()
  }

  crash(): void {
    this.#life.isAlive = false
    for (const peer of this.#peers) peer.end()
    this.#start()
  }

  fail(choice: number): void {
    this.#hasFailed = true
    this.#engine.failing = 1 + (choice % 3)
  }

  check(): void {
    // Everything is checked where it happens.
  }

  async heal(idle: () => Promise<void>): Promise<void> {
    this.#engine.failing = 0
    this.mood = 0
    for (const each of this.#peers) {
      each.isStalled = false
      if (each.isOpen && !each.closedWith) each.read()
    }
    // Long enough for a handler that fails, and too short for a silent socket to be closed.
    await pass(idle, this.clock, 12)
    for (const one of this.#conflicting)
      if (one.isOpen && !one.closedWith && one.all('conflict').length + one.all('unknown_client').length === 0)
        this.wrong('[P11] a number under another id is not refused')
    await pass(idle, this.clock, 60)
    const peer = this.connect(false)
    await idle()
    const from = (peer.answer().client?.hi ?? 0) + 1
    if (from <= this.ids.length) this.send(peer, from, this.ids.length - from + 1)
    await pass(idle, this.clock, 10)
    if (this.hi() !== this.ids.length) this.wrong(`[I32] ${this.hi()} of ${this.ids.length} are committed`)
    if (this.ids.length > this.#confirmed && peer.last('ack').hi !== this.ids.length) this.wrong('[I32] not all is acknowledged')
    this.publish()
    await pass(idle, this.clock, 10)
    const log = this.#engine.inner.open('a')
    if (typeof log === 'string' || log instanceof Promise) return
    for (const one of this.#peers)
      if (one.isOpen && !one.closedWith && one.subscribed && one.place?.offset !== log.head)
        this.wrong(`[I32] connection ${one.connection} is at ${one.place?.offset} of ${log.head}`)
    if (!peer.subscribed) this.wrong('[I32] the newest connection has no verdict')
  }

  async #later(): Promise<void> {
    await this.#schedule('handler')
  }

  #handle({ id, n = 0 }: IncomingMessage, context: MessageContext): unknown {
    if (n > this.#handled + 1) this.wrong(`[I9] ${n} is handled after ${this.#handled}`)
    if (id !== this.ids[n - 1]) this.wrong(`[P11] ${n} is handled under another id`)
    const sayers = [...(this.#sayers.get(id) ?? [])]
    if (n > this.#handled && sayers.every((peer) => this.isReplaced(peer)))
      this.wrong(`[I21] ${n} is begun, and came on replaced connections only`)
    this.#handled = Math.max(this.#handled, n)
    const finish = (): unknown => {
      if (n % 5 === 4) throw new Rejected('no')
      context.publish('a', n)
      return n % 2 ? { n } : undefined
    }
    if (this.mood % 4 === 3 && n % 3 === 0) throw new Error('not now')
    return this.mood % 2 ? this.#later().then(finish) : finish()
  }

  #commit(client: Id, { n, id, publications, fate }: Commit): void {
    if (client !== this.#client || n !== this.#committed.length + 1) this.wrong(`[I8] ${n} is committed after ${this.#committed.length}`)
    if (id !== this.ids[n - 1]) this.wrong(`[I23] ${n} is committed under another id`)
    if (this.#unknown.has(id)) this.wrong(`[P19] ${n} was not known, and is committed`)
    if (publications.length !== (fate?.kind === 'rejected' ? 0 : 1)) this.wrong(`[I7] ${n} has ${publications.length} effects`)
    this.#committed.push({ n, id, publications, fate })
  }
}

const anyStep = [
  ...steps<SessionWorld>(4, 'connect', (world, choice) => void world.connect(choice === 7, choice)),
  ...steps<SessionWorld>(6, 'send', (world, choice) => world.sendNext(choice)),
  ...steps<SessionWorld>(3, 'send again', (world, choice) => world.sendAgain(choice)),
  ...steps<SessionWorld>(2, 'send wrongly', (world, choice) => world.sendWrong(choice)),
  ...steps<SessionWorld>(3, 'publish', (world) => world.publish()),
  ...steps<SessionWorld>(1, 'confirm', (world) => world.confirm()),
  ...steps<SessionWorld>(2, 'keep the place', (world, choice) => world.keepPlace(choice)),
  ...steps<SessionWorld>(1, 'subscribe again', (world, choice) => {
    const peer = world.peer(choice)
    if (peer && peer.connection > 0) peer.resubscribe(choice % 2 === 0)
  }),
  ...steps<SessionWorld>(2, 'ask for a value', (world, choice) => {
    const peer = world.peer(choice)
    if (peer?.subscribed) peer.request()
  }),
  ...steps<SessionWorld>(2, 'recall', (world, choice) => {
    const peer = world.peer(choice)
    if (peer && peer.connection > 0) world.recall(peer)
  }),
  ...steps<SessionWorld>(1, 'stall', (world, choice) => {
    const peer = world.peer(choice)
    if (peer) peer.isStalled = true
  }),
  ...steps<SessionWorld>(1, 'read', (world, choice) => world.read(choice)),
  ...steps<SessionWorld>(2, 'drop', (world, choice) => world.drop(choice)),
  ...steps<SessionWorld>(1, 'the server crashes', (world) => world.crash()),
  ...steps<SessionWorld>(1, 'the engine fails', (world, choice) => world.fail(choice)),
  ...steps<SessionWorld>(1, 'the mood changes', (world, choice) => void (world.mood = choice)),
  ...steps<SessionWorld>(2, 'seconds pass', (world, choice) => world.clock.advance(200 * 2 ** choice)),
]

describe('several sockets of one client, an engine that answers when it likes, and servers that crash', () => {
  it(
    '[I7] [I8] [I9] [I10] [I18] [I21] [I22] [P10] [P11] [P15] [P19] [P25] [P27] [P28] commits each number once, in order, and shows each channel without a gap',
    { timeout: 60_000_000 },
    () => race(300, anyStep, (schedule, options) => new SessionWorld(schedule, options)),
  )
})
