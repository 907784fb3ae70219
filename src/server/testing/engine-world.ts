import type { ChannelLog } from '../channel-log.ts'
import type { ClientRecord } from '../client-record.ts'
import type { Admittance, Commit, Engine, EngineHost, Publication } from '../engine.ts'
import type { HistoryLimits, Id } from '../../protocol/index.ts'
import { FailingSteps } from './failing-steps.ts'
import { FakeClock } from './fake-clock.ts'

/**
 * Makes an engine that keeps so many channels. An engine that does more than call its host puts that through `steps`,
 * too.
 */
export type MakeEngine = (options: {
  readonly maxChannels: number
  readonly maxHistoryBytes: number
  readonly steps: FailingSteps
}) => Engine | Promise<Engine>

/** What a world has of something, where it is not as in the others. */
export interface WorldSize {
  readonly maxSessions?: number
  readonly maxHistoryBytes?: number
  readonly recordBytes?: number
  readonly history?: HistoryLimits
}

/** Channels that every engine of a {@link EngineWorld} keeps at most. */
export const MOST_CHANNELS = 4
/** Sessions, and four times as many client records. */
export const MOST_SESSIONS = 2
/** Bytes of client records. */
export const RECORD_BYTES: number = 2 ** 20
/** Time to live of a session, and of a client record. */
export const SESSION_TTL_MS = 60_000
/** See {@link SESSION_TTL_MS}. */
export const CLIENT_TTL_MS = 600_000

/** An id that can be read in a failing test. */
export const idOf = (name: string): Id => name.padEnd(22, '_')

/** One message to a channel. */
export const to = (key: string, data = 1): Publication => ({ key, data: JSON.stringify(data) })

/** A number with what its handler published. */
export const number = (n: number, ...publications: readonly Publication[]): Commit => ({
  n,
  id: idOf(`m${n}`),
  fate: { kind: 'applied', reply: '"done"' },
  publications,
})

/** A `hello` for this session, or for a new one of this name. */
export const hello = (fresh: string, session: string | null = null): Admittance => ({
  resume: session === null ? null : { id: idOf(session), tokenHash: `hash ${session}` },
  user: 'ada',
  fresh: { id: idOf(fresh), tokenHash: `hash ${fresh}` },
})

/** Fills the engine with channels: `spare` of them are read by nobody, and may be given up. */
export async function channels(world: EngineWorld, spare: number): Promise<void> {
  for (let at = 0; at < MOST_CHANNELS; at++) {
    await world.engine.publish([to(at < spare ? `spare${at}` : `full${at}`)], { pool: 'anonymous', name: 'somebody' })
    if (at >= spare) await world.read(`full${at}`)
  }
}

/** An engine under a host of which any step can fail, and all that can be seen of it. */
export class EngineWorld {
  readonly engine: Engine
  readonly steps: FailingSteps
  readonly clock: FakeClock = new FakeClock()
  /** Sessions and clients that are connected. */
  readonly used: Set<Id> = new Set()
  /** What the host was told, in order. */
  readonly told: string[] = []
  /** What the app says of channels whose names begin with `odd`. */
  odd: HistoryLimits | null = null
  readonly #read = new Set<string>()
  readonly #size: WorldSize
  #ids = 0

  private constructor(engine: Engine, steps: FailingSteps, size: WorldSize) {
    this.#size = size
    this.engine = engine
    this.steps = steps
  }

  /** An engine that was made and started. */
  static async start(make: MakeEngine, size: WorldSize = {}): Promise<EngineWorld> {
    const steps = new FailingSteps()
    const world = new EngineWorld(
      await make({ maxChannels: MOST_CHANNELS, maxHistoryBytes: size.maxHistoryBytes ?? 2 ** 24, steps }),
      steps,
      size,
    )
    await world.engine.start(steps.hostOf(world.#host()))
    return world
  }

  /** Opens channels for somebody who goes on reading them. */
  async read(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.engine.open(key)
      this.#read.add(key)
    }
  }

  /** Everything that can be seen of the engine, without the ids it makes. Changes nothing. */
  async look(clients: readonly Id[], keys: readonly string[]): Promise<unknown> {
    const { engine } = this
    const counts = engine.counts()
    const records = []
    for (const client of clients) records.push([client, recordOf(await engine.loadClient(client))])
    const logs = []
    for (const key of keys) {
      if (engine.probe(key, 0) !== 'known') continue
      const log = await engine.open(key)
      if (!this.#read.has(key)) engine.release(key)
      logs.push([key, typeof log === 'string' ? log : messagesOf(log)])
    }
    const revoked = []
    for (const client of clients) revoked.push(await engine.revokedAt(client, 'ada'))
    return { counts, reach: engine.reach, records, logs, revoked }
  }

  #host(): EngineHost {
    const { told, used } = this
    return {
      clock: this.clock,
      random: { id: () => idOf(`r${++this.#ids}`), token: () => `t${++this.#ids}`.padEnd(43, '_') },
      history: (channel) => (channel.startsWith('odd') ? this.odd : (this.#size.history ?? { messages: 3, bytes: 4_096, ageMs: 2 ** 40 })),
      sessionTtlMs: SESSION_TTL_MS,
      clientTtlMs: CLIENT_TTL_MS,
      maxSessions: this.#size.maxSessions ?? MOST_SESSIONS,
      recordBytes: this.#size.recordBytes ?? RECORD_BYTES,
      portions: { anonymousPercent: 100, sharePercent: 6 },
      isSessionUsed: (session) => used.has(session),
      isClientUsed: (client) => used.has(client),
      changed: (key) => void told.push(`changed ${key}`),
      fenced: (session, connection) => void told.push(`fenced ${session} ${connection}`),
      ended: (ending) => void told.push(`ended ${JSON.stringify(ending)}`),
      crowded: (client) => void told.push(`crowded ${client}`),
      count: (name, times = 1) => void told.push(...Array.from({ length: times }, () => name)),
    }
  }
}

function recordOf(record: ClientRecord | null): unknown {
  if (record === null) return null
  const known = Array.from({ length: record.hi - record.oldest + 1 }, (_, at) => record.oldest + at)
  return { hi: record.hi, unconfirmed: record.unconfirmed, known: known.map((n) => [n, record.idAt(n), record.fateAt(n)]) }
}

function messagesOf(log: ChannelLog): unknown {
  if (log.size === 0) return { head: log.head, messages: [] }
  const messages = JSON.parse(`[${log.read(log.lo - 1, log.head).body}]`) as { offset: number; data: unknown; origin?: Id }[]
  return { head: log.head, messages: messages.map(({ offset, data, origin }) => ({ offset, data, origin })) }
}
