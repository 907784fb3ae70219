import type { ChannelLog } from '../channel-log.ts'
import { bytesOf, ClientRecord } from '../client-record.ts'
import type { Admittance, Admitted, Commit, Ending, Engine, EngineCounts, EngineHost, Publication, Refusal } from '../engine.ts'
import { APP, holderOf, type Holder } from '../holder.ts'
import { shareLimits } from '../shares.ts'
import { KeptByUse, type Kept } from './kept-by-use.ts'
import { MemoryChannels } from './memory-channels.ts'
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
  /**
   * Most channels kept that somebody has published to. Beyond it one that nobody reads is given up; where there is
   * none, a further one is refused. Default 100,000.
   */
  readonly maxChannels?: number
  /**
   * Most bytes of messages in all channels, in UTF-8 of their encoded text. Beyond it channels that nobody reads are
   * given up; where there is none, the channel that is published to keeps less. Default 512 MiB.
   */
  readonly maxHistoryBytes?: number
}

/**
 * The engine of a single process: everything in memory, and everything forgotten when it ends. It says so by a ledger
 * id and epochs that
 * are random in every instance, and clients then restart their outboxes and take fresh snapshots.
 *
 * @throws HoldfastError `invalid-option`
 */
export function memoryEngine(options: MemoryEngineOptions = {}): Engine {
  const { maxChannels = 100_000, maxHistoryBytes = 512 * 2 ** 20 } = readOptions(options, { maxChannels: 0, maxHistoryBytes: 0 })
  if (!Number.isInteger(maxChannels) || maxChannels < 1) invalidOption('maxChannels', `must be a whole number from 1, not ${maxChannels}`)
  if (!Number.isInteger(maxHistoryBytes) || maxHistoryBytes < 2 ** 20)
    invalidOption('maxHistoryBytes', `must be a whole number from 1,048,576, not ${maxHistoryBytes}`)
  return new MemoryEngine(maxChannels, maxHistoryBytes)
}

/** What an engine has from its start on. */
interface Stores {
  readonly host: EngineHost
  readonly ledger: Id
  readonly secret: string
  readonly channels: MemoryChannels
  readonly sessions: KeptByUse<Session>
  readonly clients: KeptByUse<Client>
  readonly revocations: Revocations
  /** What the smallest client record takes: so many times it, and there are as many records as there may be. */
  readonly recordUnit: number
}

class MemoryEngine implements Engine {
  readonly #maxChannels: number
  readonly #maxHistoryBytes: number
  #stores: Stores | undefined
  /** Client records made, and the last of them that was given up. */
  #made = 0
  #forgotten = 0

  constructor(maxChannels: number, maxHistoryBytes: number) {
    this.#maxChannels = maxChannels
    this.#maxHistoryBytes = maxHistoryBytes
  }

  start(host: EngineHost): void {
    if (this.#stores !== undefined) throw new HoldfastError('invalid-option', 'An engine belongs to one server.')
    const { maxSessions, recordBytes, portions, random } = host
    const most = maxSessions * CLIENTS_PER_SESSION
    const recordUnit = Math.max(1, Math.floor(recordBytes / most))
    this.#stores = {
      host,
      ledger: random.id(),
      secret: random.token(),
      channels: new MemoryChannels(this.#maxChannels, this.#maxHistoryBytes, portions),
      sessions: new KeptByUse((session) => host.isSessionUsed(session), shareLimits(maxSessions, 1, portions)),
      clients: new KeptByUse((client) => host.isClientUsed(client), shareLimits(recordUnit * most, recordUnit, portions)),
      revocations: new Revocations(most),
      recordUnit,
    }
  }

  get ledger(): Id {
    return this.#running.ledger
  }

  get reach(): Reach {
    return { made: this.#made, forgotten: this.#forgotten }
  }

  get secret(): string {
    return this.#running.secret
  }

  open(key: string): ChannelLog | Refusal {
    const { channels, host } = this.#running
    return channels.open(host, key)
  }

  release(key: string): void {
    this.#running.channels.release(key)
  }

  probe(key: string, others: number, holder: Holder = APP): 'known' | 'new' | Refusal {
    const { channels, host } = this.#running
    return channels.probe(host, key, others, holder)
  }

  publish(publications: readonly Publication[], holder: Holder = APP): Cursor[] | Refusal {
    const { channels, host } = this.#running
    const prepared = channels.prepare(host, publications, holder)
    if (typeof prepared === 'string') return this.#refuse(prepared)
    const cursors = channels.append(prepared, publications, []).map((log) => log.headCursor())
    this.#tell(publications)
    return cursors
  }

  loadClient(client: Id): ClientRecord | null {
    return this.#running.clients.get(client)?.record ?? null
  }

  commit(
    client: Id,
    user: string | null,
    commits: readonly Commit[],
    holder: Holder = holderOf(user, undefined, client),
  ): ClientRecord | 'behind' | Refusal {
    const { host, channels, clients, recordUnit } = this.#running
    const known = clients.get(client)
    const first = commits[0]
    if (first === undefined || (known?.record.hi ?? 0) + 1 !== first.n) return 'behind'
    const publications = commits.length === 1 ? first.publications : commits.flatMap((commit) => commit.publications)
    const prepared = channels.prepare(host, publications, holder)
    if (typeof prepared === 'string') return this.#refuse(prepared)
    const nowMs = Math.floor(prepared.nowMs)
    const record = known?.record ?? new ClientRecord(user)
    const before = known === undefined ? 0 : Math.max(recordUnit, record.bytes)
    const after = Math.max(
      recordUnit,
      commits.reduce((bytes, { fate }) => bytes + bytesOf(fate), record.bytes),
    )
    const payers = clients.payers(holder, after - before, client)
    const isUsed = known === undefined && host.isClientUsed(client)
    // From here on nothing can fail.
    if (known === undefined) clients.add(client, { record, usedMs: nowMs, made: ++this.#made }, holder, recordUnit)
    // Not moved to the end of the order, which would cost more than the rest: who commits is in use, and is moved when
    // that ends.
    else known.usedMs = nowMs
    for (const payer of payers.ids) this.#forget(payer)
    channels.append(
      prepared,
      publications,
      commits.flatMap(({ id, publications: published }) => published.map(() => id)),
    )
    for (const { id, fate } of commits) record.commit(id, fate)
    clients.resize(client, Math.max(recordUnit, record.bytes))
    if (isUsed) clients.park(client)
    if (payers.ids.length > 0) host.count('dropped.clients', payers.ids.length)
    this.#tell(publications)
    const debtor = clients.debtor(holder)
    if (debtor !== undefined) host.crowded(debtor)
    return record
  }

  confirm(client: Id, n: number): void {
    const { clients, recordUnit } = this.#running
    const record = clients.get(client)?.record
    if (record === undefined) return
    record.confirm(n)
    clients.resize(client, Math.max(recordUnit, record.bytes))
  }

  get revocations(): number {
    return this.#running.revocations.count
  }

  end(ending: Ending): void {
    const { revocations, host } = this.#running
    if (ending.type === 'revoke') revocations.add(ending, this.#nowMs())
    host.ended(ending)
  }

  revokedAt(client: Id, user: string | null): number {
    return this.#running.revocations.at(client, user)
  }

  admit({ resume, user, fresh, holder = holderOf(user, undefined, fresh.id) }: Admittance): Admitted | null {
    const { host, sessions } = this.#running
    const nowMs = this.#nowMs()
    const named = resume === null ? undefined : sessions.get(resume.id)
    if (
      resume !== null &&
      named !== undefined &&
      named.tokenHash === resume.tokenHash &&
      named.user === user &&
      !sessions.hasExpired(resume.id, named, nowMs, host.sessionTtlMs)
    ) {
      named.connection++
      sessions.use(resume.id, nowMs)
      host.fenced(resume.id, named.connection)
      return { resumed: true, session: resume.id, connection: named.connection }
    }
    const payers = sessions.payers(holder, 1)
    if (!payers.areEnough) return null
    for (const payer of payers.ids) sessions.delete(payer)
    sessions.add(fresh.id, { tokenHash: fresh.tokenHash, user, connection: 1, usedMs: nowMs }, holder, 1)
    if (payers.ids.length > 0) host.count('dropped.sessions', payers.ids.length)
    return { resumed: false, session: fresh.id, connection: 1 }
  }

  forget(session: Id): void {
    this.#running.sessions.delete(session)
  }

  touch(sessions: readonly Id[], clients: readonly Id[]): void {
    const nowMs = this.#nowMs()
    for (const id of sessions) this.#running.sessions.use(id, nowMs)
    for (const id of clients) this.#running.clients.use(id, nowMs)
  }

  sweep(): void {
    const { host, sessions, clients, channels, revocations } = this.#running
    const nowMs = this.#nowMs()
    const [ended, forgotten] = [sessions.expired(nowMs, host.sessionTtlMs), clients.expired(nowMs, host.clientTtlMs)]
    for (const id of ended) sessions.delete(id)
    for (const id of forgotten) this.#forget(id)
    channels.sweep(nowMs)
    revocations.sweep(nowMs - host.clientTtlMs)
  }

  counts(): EngineCounts {
    const { sessions, clients, channels } = this.#running
    const { size, messages: logMessages, bytes: logBytes } = channels
    return { sessions: sessions.size, clients: clients.size, channels: size, logMessages, logBytes, recordBytes: clients.taken }
  }

  close(): void {
    const { sessions, clients, channels } = this.#running
    channels.clear()
    sessions.clear()
    clients.clear()
  }

  get #running(): Stores {
    if (this.#stores === undefined) throw new HoldfastError('closed', 'The engine was not started.')
    return this.#stores
  }

  /** Tells the host what has changed: all of it, even where it fails over one. */
  #tell(publications: readonly Publication[]): void {
    const { host, channels } = this.#running
    const givenUp = channels.takeGivenUp()
    if (givenUp > 0) host.count('dropped.channels', givenUp)
    const [first] = publications
    if (first !== undefined && publications.length === 1) return host.changed(first.key)
    const keys = new Set(publications.map(({ key }) => key))
    const failures: unknown[] = []
    for (const key of keys) {
      try {
        host.changed(key)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  #refuse(refusal: Refusal): Refusal {
    if (refusal === 'no-room') this.#running.host.count('refused.channels')
    return refusal
  }

  /** Whoever had a record made up to then may be one of those that were given up. */
  #forget(client: Id): void {
    const { clients } = this.#running
    this.#forgotten = Math.max(this.#forgotten, clients.get(client)?.made ?? 0)
    clients.delete(client)
  }

  #nowMs(): number {
    return Math.floor(this.#running.host.clock.nowMs())
  }
}
