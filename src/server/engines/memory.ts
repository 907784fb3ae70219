import type { ChannelLog } from '../channel-log.ts'
import { ClientRecord } from '../client-record.ts'
import type { Admittance, Admitted, Commit, Ending, Engine, EngineCounts, EngineHost, Publication, Refusal } from '../engine.ts'
import { KeptByUse, type Kept } from './kept-by-use.ts'
import { MemoryChannels, type Prepared } from './memory-channels.ts'
import { Revocations } from './revocations.ts'
import { HoldfastError, type Cursor, type Id, type Reach } from '../../protocol/index.ts'
import { invalidOption, readOptions } from '../../protocol/read-options.ts'

interface Session extends Kept {
  readonly tokenHash: string
  readonly user: string | null
  connection: number
}

interface Client extends Kept {
  readonly record: ClientRecord
  /** Which one it is, in the order they were made. */
  readonly made: number
}

/** Client records outlive sessions, and an outbox restart makes a new one: a session may have left several. */
const CLIENTS_PER_SESSION = 4

/** Options of {@link memoryEngine}. */
export interface MemoryEngineOptions {
  /** Most channels kept. Where none can be given up, a further one is refused. Default 100,000. */
  readonly maxChannels?: number
}

/**
 * The engine of a single process: everything in memory, and everything forgotten when it ends. It says so by a ledger
 * id and epochs that
 * are random in every instance, and clients then restart their outboxes and take fresh snapshots.
 *
 * @throws HoldfastError `invalid-option`
 */
export function memoryEngine(options: MemoryEngineOptions = {}): Engine {
  const { maxChannels = 100_000 } = readOptions(options, { maxChannels: 0 })
  if (!Number.isInteger(maxChannels) || maxChannels < 1) invalidOption('maxChannels', `must be a whole number from 1, not ${maxChannels}`)
  return new MemoryEngine(maxChannels)
}

class MemoryEngine implements Engine {
  readonly #channels: MemoryChannels
  #host: EngineHost | undefined
  #ledger: Id = ''
  #secret = ''
  #revocations = new Revocations(0)
  readonly #sessions = new KeptByUse<Session>((session) => this.#running.isSessionUsed(session))
  readonly #clients = new KeptByUse<Client>((client) => this.#running.isClientUsed(client))
  /** Client records made, and the last of them that was given up. */
  #made = 0
  #forgotten = 0

  constructor(maxChannels: number) {
    this.#channels = new MemoryChannels(maxChannels)
  }

  start(host: EngineHost): void {
    if (this.#host !== undefined) throw new HoldfastError('invalid-option', 'An engine belongs to one server.')
    const [ledger, secret] = [host.random.id(), host.random.token()]
    this.#host = host
    this.#ledger = ledger
    this.#secret = secret
    this.#revocations = new Revocations(host.maxSessions * CLIENTS_PER_SESSION)
  }

  get ledger(): Id {
    return this.#ledger
  }

  get reach(): Reach {
    return { made: this.#made, forgotten: this.#forgotten }
  }

  get secret(): string {
    return this.#secret
  }

  open(key: string): ChannelLog | Refusal {
    const opened = this.#channels.open(this.#running, key)
    if (typeof opened === 'string') return this.#refuse(opened)
    this.#countGivenUp(opened.givenUp)
    return opened.log
  }

  release(key: string): void {
    this.#channels.release(key)
  }

  probe(key: string, others: number): 'known' | 'new' | Refusal {
    return this.#channels.probe(this.#running, key, others)
  }

  publish(publications: readonly Publication[]): Cursor[] | Refusal {
    const prepared = this.#channels.prepare(this.#running, publications)
    if (typeof prepared === 'string') return this.#refuse(prepared)
    this.#channels.make(prepared)
    const cursors = publications.map((publication, at) => this.#channels.append(prepared, at, publication, undefined).headCursor())
    this.#tell(prepared, publications)
    return cursors
  }

  loadClient(client: Id): ClientRecord | null {
    return this.#clients.get(client)?.record ?? null
  }

  commit(client: Id, user: string | null, commits: readonly Commit[]): ClientRecord | 'behind' | Refusal {
    const known = this.#clients.get(client)
    const first = commits[0]
    if (first === undefined || (known?.record.hi ?? 0) + 1 !== first.n) return 'behind'
    const publications = commits.length === 1 ? first.publications : commits.flatMap((commit) => commit.publications)
    const prepared = this.#channels.prepare(this.#running, publications)
    if (typeof prepared === 'string') return this.#refuse(prepared)
    const nowMs = Math.floor(prepared.nowMs)
    const isFull = known === undefined && this.#clients.size >= this.#running.maxSessions * CLIENTS_PER_SESSION
    const givenUp = isFull ? this.#clients.unused(nowMs) : undefined
    // From here on nothing can fail.
    this.#channels.make(prepared)
    const record = known?.record ?? new ClientRecord(user)
    if (known === undefined) this.#clients.add(client, { record, usedMs: nowMs, made: ++this.#made })
    // Not moved to the end of the order, which would cost more than the rest: who commits is in use, and is moved when
    // that ends.
    else known.usedMs = nowMs
    if (givenUp !== undefined) this.#forget(givenUp)
    let at = 0
    for (const { id, fate, publications: published } of commits) {
      record.commit(id, fate)
      for (const publication of published) this.#channels.append(prepared, at++, publication, id)
    }
    if (givenUp !== undefined) this.#running.count('dropped.clients')
    this.#tell(prepared, publications)
    return record
  }

  confirm(client: Id, n: number): void {
    this.#clients.get(client)?.record.confirm(n)
  }

  get revocations(): number {
    return this.#revocations.count
  }

  end(ending: Ending): void {
    if (ending.type === 'revoke') this.#revocations.add(ending, this.#nowMs())
    this.#running.ended(ending)
  }

  revokedAt(client: Id, user: string | null): number {
    return this.#revocations.at(client, user)
  }

  admit({ resume, user, fresh }: Admittance): Admitted | null {
    const { sessionTtlMs, maxSessions, fenced, count } = this.#running
    const nowMs = this.#nowMs()
    const named = resume === null ? undefined : this.#sessions.get(resume.id)
    if (
      resume !== null &&
      named !== undefined &&
      named.tokenHash === resume.tokenHash &&
      named.user === user &&
      !this.#sessions.hasExpired(resume.id, named, nowMs, sessionTtlMs)
    ) {
      named.connection++
      this.#sessions.use(resume.id, nowMs)
      fenced(resume.id, named.connection)
      return { resumed: true, session: resume.id, connection: named.connection }
    }
    const givenUp = this.#sessions.size < maxSessions ? undefined : this.#sessions.unused(nowMs)
    if (this.#sessions.size >= maxSessions && givenUp === undefined) return null
    if (givenUp !== undefined) this.#sessions.delete(givenUp)
    this.#sessions.add(fresh.id, { tokenHash: fresh.tokenHash, user, connection: 1, usedMs: nowMs })
    if (givenUp !== undefined) count('dropped.sessions')
    return { resumed: false, session: fresh.id, connection: 1 }
  }

  forget(session: Id): void {
    this.#sessions.delete(session)
  }

  touch(sessions: readonly Id[], clients: readonly Id[]): void {
    const nowMs = this.#nowMs()
    for (const id of sessions) this.#sessions.use(id, nowMs)
    for (const id of clients) this.#clients.use(id, nowMs)
  }

  sweep(): void {
    const { sessionTtlMs, clientTtlMs } = this.#running
    const nowMs = this.#nowMs()
    const sessions = this.#sessions.expired(nowMs, sessionTtlMs)
    const clients = this.#clients.expired(nowMs, clientTtlMs)
    for (const id of sessions) this.#sessions.delete(id)
    for (const id of clients) this.#forget(id)
    for (const log of this.#channels.logs()) log.trim(nowMs)
    this.#revocations.sweep(nowMs - clientTtlMs)
  }

  counts(): EngineCounts {
    let logMessages = 0
    let logBytes = 0
    for (const log of this.#channels.logs()) {
      logMessages += log.size
      logBytes += log.bytes
    }
    return { sessions: this.#sessions.size, clients: this.#clients.size, channels: this.#channels.size, logMessages, logBytes }
  }

  close(): void {
    this.#channels.clear()
    this.#sessions.clear()
    this.#clients.clear()
  }

  get #running(): EngineHost {
    if (this.#host === undefined) throw new HoldfastError('closed', 'The engine was not started.')
    return this.#host
  }

  /** Tells the host what has changed: all of it, even where it fails over one. */
  #tell({ givenUp }: Prepared, publications: readonly Publication[]): void {
    this.#countGivenUp(givenUp.length)
    const [first] = publications
    if (first !== undefined && publications.length === 1) return this.#running.changed(first.key)
    const keys = new Set(publications.map(({ key }) => key))
    const failures: unknown[] = []
    for (const key of keys) {
      try {
        this.#running.changed(key)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  #countGivenUp(channels: number): void {
    for (let at = 0; at < channels; at++) this.#running.count('dropped.channels')
  }

  #refuse(refusal: Refusal): Refusal {
    if (refusal === 'no-room') this.#running.count('refused.channels')
    return refusal
  }

  /** Whoever had a record made up to then may be one of those that were given up. */
  #forget(client: Id): void {
    this.#forgotten = Math.max(this.#forgotten, this.#clients.get(client)?.made ?? 0)
    this.#clients.delete(client)
  }

  #nowMs(): number {
    return Math.floor(this.#running.clock.nowMs())
  }
}
