import { memoryEngine } from '../../src/server/engines/memory.ts'
import type {
  Admittance,
  Admitted,
  Awaitable,
  Commit,
  Ending,
  Engine,
  EngineCounts,
  EngineHost,
  Publication,
  Refusal,
} from '../../src/server/engine.ts'
import type { Holder } from '../../src/server/holder.ts'
import type { ChannelLog } from '../../src/server/channel-log.ts'
import type { ClientRecord } from '../../src/server/client-record.ts'
import type { Cursor, Id, Reach } from '../../src/protocol/index.ts'
import { Violation } from '../check/violation.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/**
 * What is the matter with an engine apart from the server. `loses-answers`: what was asked has happened, and nobody
 * hears of it.
 */
/** `at-a-step`: something that the engine calls throws in the middle of what it does. */
export type EngineTrouble = 'fails' | 'loses-answers' | 'slow' | 'at-a-step'

/** Steps of one call of an engine, about. */
const MOST_STEPS = 12

/**
 * The product's memory engine, watched. As `durable` it stands for one that lives apart: it outlives the server's
 * process, answers later, and can fail.
 */
export class SimEngine implements Engine {
  readonly isDurable: boolean
  trouble: EngineTrouble | null = null
  /** Ends the server at its next commit. */
  trap: 'before-commit' | 'after-commit' | null = null
  /** Connection numbers below which a session's connections are fenced. */
  readonly fences: Map<Id, number> = new Map()
  readonly #world: World
  readonly #inner: Engine
  readonly #logs = new Map<string, ChannelLog>()
  #host: EngineHost | null = null
  #process: Process | null = null
  #lastMs = 0
  /** Calls of the host that go well until one throws; `null`: all do. */
  #stepsLeft: number | null = null

  constructor(world: World, isDurable: boolean) {
    this.#world = world
    this.isDurable = isDurable
    const { maxChannels, maxHistoryBytes } = world.settings
    this.#inner = memoryEngine({ maxChannels, ...(maxHistoryBytes === undefined ? {} : { maxHistoryBytes }) })
  }

  start(host: EngineHost): void {
    const isFirst = this.#host === null
    this.#host = host
    this.#process = this.#world.server.process
    if (!isFirst) return
    void this.#inner.start({
      ...host,
      clock: { ...host.clock, nowMs: () => this.#step(() => this.#world.schedule.nowMs) },
      random: { id: () => this.#step(() => host.random.id()), token: () => this.#step(() => host.random.token()) },
      history: (channel) => this.#step(() => host.history(channel)),
      changed: (key) => {
        const log = this.#logs.get(key)
        if (log) this.#world.check.published(key, log)
        this.#host?.changed(key)
      },
      isSessionUsed: (session) => this.#host?.isSessionUsed(session) === true,
      isClientUsed: (client) => this.#host?.isClientUsed(client) === true,
      fenced: (session, connection) => {
        this.fences.set(session, connection)
        this.#host?.fenced(session, connection)
      },
      ended: (ending) => {
        this.#host?.ended(ending)
        this.#world.check.wires.ended(ending)
      },
      crowded: (client) => this.#host?.crowded(client),
      count: (name, times) => this.#host?.count(name, times),
    })
  }

  get ledger(): Id {
    return this.#inner.ledger
  }

  get reach(): Reach {
    return this.#inner.reach
  }

  get secret(): string {
    return this.#inner.secret
  }

  end(ending: Ending): Awaitable<void> {
    return this.#ask(() => void this.#inner.end(ending))
  }

  get revocations(): number {
    return this.#inner.revocations
  }

  revokedAt(client: Id, user: string | null): Awaitable<number> {
    return this.#ask(() => this.#inner.revokedAt(client, user) as number)
  }

  open(key: string): Awaitable<ChannelLog | Refusal> {
    return this.#ask(() => {
      const log = this.#inner.open(key) as ChannelLog | Refusal
      if (typeof log !== 'string') {
        this.#logs.set(key, log)
        this.#world.check.published(key, log)
      }
      return log
    })
  }

  release(key: string): void {
    this.#logs.delete(key)
    this.#inner.release(key)
  }

  probe(key: string, others: number, holder?: Holder): 'known' | 'new' | Refusal {
    return this.#inner.probe(key, others, holder)
  }

  publish(publications: readonly Publication[], holder?: Holder): Awaitable<readonly Cursor[] | Refusal> {
    return this.#ask(() => this.#whole(publications, () => this.#inner.publish(publications, holder) as readonly Cursor[] | Refusal))
  }

  loadClient(client: Id): Awaitable<ClientRecord | null> {
    return this.#ask(() => this.#inner.loadClient(client) as ClientRecord | null)
  }

  commit(client: Id, user: string | null, commits: readonly Commit[], holder?: Holder): Awaitable<ClientRecord | 'behind' | Refusal> {
    return this.#ask(() => {
      if (this.trap === 'before-commit') return this.#spring()
      const publications = commits.flatMap((one) => one.publications)
      const record = this.#whole(
        publications,
        () => this.#inner.commit(client, user, commits, holder) as ClientRecord | 'behind' | Refusal,
        client,
      )
      if (typeof record !== 'string') for (const one of commits) this.#world.check.committed(this.ledger, client, user, one)
      if (this.trap === 'after-commit') return this.#spring()
      return record
    })
  }

  confirm(client: Id, n: number): void {
    this.#inner.confirm(client, n)
  }

  admit(admittance: Admittance): Awaitable<Admitted | null> {
    return this.#ask(() => this.#inner.admit(admittance) as Admitted | null)
  }

  forget(session: Id): Awaitable<void> {
    return this.#ask(() => this.#inner.forget(session) as void)
  }

  touch(sessions: readonly Id[], clients: readonly Id[]): void {
    this.#inner.touch(sessions, clients)
  }

  sweep(): void {
    this.#inner.sweep()
  }

  counts(): EngineCounts {
    return this.#inner.counts()
  }

  close(): void {
    // It lives on.
  }

  /** The highest committed number and its id, or what is known instead. */
  recordOf(client: Id): ClientRecord | null {
    return this.#inner.loadClient(client) as ClientRecord | null
  }

  /** Which revocation was the last of a client. */
  revocationOf(client: Id, user: string | null): number {
    return this.#inner.revokedAt(client, user) as number
  }

  #spring(): 'behind' {
    this.trap = null
    this.#world.trace('trap', 'server')
    this.#world.server.kill()
    return 'behind'
  }

  /** Clients that nobody knows come, send a message each, and are not seen again. */
  strangersCome(count: number): void {
    for (let at = 0; at < count; at++) {
      const id = this.#world.ids.id()
      void this.#inner.commit(id, 'stranger', [{ n: 1, id, fate: { kind: 'skipped' }, publications: [] }])
    }
  }

  /** One call of the host, which throws when its turn has come. */
  #step<T>(call: () => T): T {
    if (this.#stepsLeft !== null && this.#stepsLeft-- === 0) {
      this.#stepsLeft = null
      this.#world.totals.count('engine calls that failed at a step')
      throw new Error('a step of the engine failed')
    }
    return call()
  }

  /** Number and publications, or none of them, however it ends. */
  #whole<T>(publications: readonly Publication[], change: () => T, client?: Id): T {
    const { check, totals } = this.#world
    const hiOf = (): number => (client === undefined ? 0 : (this.recordOf(client)?.hi ?? 0))
    const keys = new Set(publications.map(({ key }) => key))
    // Logs as they are before: a commit may close who reads one, and the server then releases it.
    const heads = [...keys].flatMap((key) => {
      const log = this.#logs.get(key)
      return log === undefined ? [] : [{ key, log, head: log.head }]
    })
    const [hi, { logMessages }] = [hiOf(), this.#inner.counts()]
    try {
      const result = change()
      for (const { key, log, head } of heads) {
        const count = typeof result === 'string' ? 0 : publications.filter((one) => one.key === key).length
        check.holds(log.head === head + count, 'I7', () => `${log.head - head} of ${count} publications were made`)
      }
      return result
    } catch (error) {
      totals.count('engine changes that failed')
      const isUntouched = heads.every(({ log, head }) => log.head === head) && logMessages === this.#inner.counts().logMessages
      check.holds(isUntouched && hiOf() === hi, 'I7', () => `half of a commit happened: ${hi} to ${hiOf()}, ${String(error)}`)
      throw error
    }
  }

  #try<T>(work: () => T): T {
    if (this.trouble === 'at-a-step') this.#stepsLeft = this.#world.random.integer(0, MOST_STEPS)
    try {
      return work()
    } finally {
      this.#stepsLeft = null
    }
  }

  #ask<T>(work: () => T): Awaitable<T> {
    if (!this.isDurable) return this.#try(work)
    const process = this.#process
    const { schedule, random } = this.#world
    return new Promise((resolve, reject) => {
      const fail = (): void => process?.post(() => reject(new Error('the engine failed')))
      const slowMs = this.trouble === 'slow' ? 500 + random.next() * 4_000 : 0
      this.#lastMs = Math.max(this.#lastMs, schedule.nowMs + slowMs + random.next() * 2)
      schedule.at(this.#lastMs - schedule.nowMs, () => {
        // What a server that has ended asked for may be under way, or not.
        if (process?.isAlive !== true && random.next() < 0.5) return
        if (this.trouble === 'fails') return fail()
        let value: T
        try {
          value = this.#try(work)
        } catch (error) {
          if (error instanceof Violation) throw error
          return fail()
        }
        if (this.trouble === 'loses-answers') return fail()
        this.#lastMs = Math.max(this.#lastMs, schedule.nowMs + random.next() * 2)
        process?.after(this.#lastMs - schedule.nowMs, () => resolve(value))
      })
    })
  }
}
