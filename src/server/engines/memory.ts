import { ChannelLog } from '../channel-log.ts'
import { ClientRecord } from '../client-record.ts'
import {
  channelOfKey,
  type Admittance,
  type Admitted,
  type Commit,
  type Engine,
  type EngineCounts,
  type EngineHost,
  type Publication,
} from '../engine.ts'
import { Revocations } from './revocations.ts'
import { HoldfastError, type Cursor, type Id } from '../../protocol/index.ts'

interface Session {
  readonly tokenHash: string
  readonly user: string | null
  connection: number
  seenMs: number
}

interface Client {
  readonly record: ClientRecord
  seenMs: number
}

interface Channel {
  readonly log: ChannelLog
  isRead: boolean
}

/** Client records outlive sessions, and an outbox restart makes a new one: a session may have left several. */
const CLIENTS_PER_SESSION = 4

/** Options of {@link memoryEngine}. */
export interface MemoryEngineOptions {
  /** Most channels kept. Where none can be given up, a further one is refused. Default 100,000. */
  readonly maxChannels?: number
}

/**
 * The engine of a single process: everything in memory, and everything forgotten when it ends. It says so by a ledger id and epochs that
 * are random in every instance, and clients then restart their outboxes and take fresh snapshots.
 *
 * @throws HoldfastError `invalid-option`
 */
export function memoryEngine(options: MemoryEngineOptions = {}): Engine {
  const { maxChannels = 100_000 } = options
  if (!Number.isInteger(maxChannels) || maxChannels < 1)
    throw new HoldfastError('invalid-option', 'maxChannels must be a whole number from 1.')
  return new MemoryEngine(maxChannels)
}

class MemoryEngine implements Engine {
  readonly #maxChannels: number
  #host: EngineHost | undefined
  #ledger: Id = ''
  #secret = ''
  #revocations = new Revocations(0)
  readonly #channels = new Map<string, Channel>()
  readonly #sessions = new Map<Id, Session>()
  readonly #clients = new Map<Id, Client>()
  #sweptMs = -Infinity

  constructor(maxChannels: number) {
    this.#maxChannels = maxChannels
  }

  start(host: EngineHost): void {
    if (this.#host !== undefined) throw new HoldfastError('invalid-option', 'An engine belongs to one server.')
    this.#host = host
    this.#ledger = host.random.id()
    this.#secret = host.random.token()
    this.#revocations = new Revocations(host.maxSessions * CLIENTS_PER_SESSION)
  }

  get ledger(): Id {
    return this.#ledger
  }

  get secret(): string {
    return this.#secret
  }

  open(key: string): ChannelLog | null {
    const channel = this.#channels.get(key) ?? this.#make(key)
    if (channel === null) return null
    channel.isRead = true
    channel.log.trim(this.#running.clock.nowMs())
    return channel.log
  }

  release(key: string): void {
    const channel = this.#channels.get(key)
    if (channel !== undefined) channel.isRead = false
  }

  accepts(key: string): boolean {
    return this.#channels.has(key) || this.#makeRoom()
  }

  publish({ key, data }: Publication): Cursor {
    const log = this.#append(key, data, undefined)
    this.#running.changed(key)
    return log.headCursor()
  }

  loadClient(client: Id): ClientRecord | null {
    return this.#clients.get(client)?.record ?? null
  }

  commit(client: Id, user: string | null, commits: readonly Commit[]): ClientRecord | null {
    const known = this.#clients.get(client)?.record
    if ((known?.hi ?? 0) + 1 !== commits[0]?.n) return null
    const record = known ?? this.#remember(client, user)
    const changed = new Set<string>()
    for (const { id, fate, publications } of commits) {
      record.commit(id, fate)
      for (const { key, data } of publications) {
        this.#append(key, data, id)
        changed.add(key)
      }
    }
    for (const key of changed) this.#running.changed(key)
    return record
  }

  confirm(client: Id, n: number): void {
    this.#clients.get(client)?.record.confirm(n)
  }

  get revocations(): number {
    return this.#revocations.count
  }

  revoke(client: Id): void {
    const { clock, revoked } = this.#running
    this.#revocations.add(client, clock.nowMs())
    revoked(client)
  }

  revokedAt(client: Id): number {
    return this.#revocations.at(client)
  }

  admit({ resume, user, fresh }: Admittance): Admitted | null {
    const { clock, sessionTtlMs, maxSessions, fenced } = this.#running
    const nowMs = Math.floor(clock.nowMs())
    const named = resume === null ? undefined : this.#sessions.get(resume.id)
    if (
      resume !== null &&
      named !== undefined &&
      named.tokenHash === resume.tokenHash &&
      named.user === user &&
      nowMs - named.seenMs < sessionTtlMs
    ) {
      named.connection++
      see(this.#sessions, resume.id, nowMs)
      fenced(resume.id, named.connection)
      return { resumed: true, session: resume.id, connection: named.connection }
    }
    if (this.#sessions.size >= maxSessions && !this.#giveUpOldest(this.#sessions, 'dropped.sessions')) return null
    this.#sessions.set(fresh.id, { tokenHash: fresh.tokenHash, user, connection: 1, seenMs: nowMs })
    return { resumed: false, session: fresh.id, connection: 1 }
  }

  forget(session: Id): void {
    this.#sessions.delete(session)
  }

  touch(sessions: readonly Id[], clients: readonly Id[]): void {
    // Whole numbers are kept in place; a fraction would cost an object each.
    const nowMs = Math.floor(this.#running.clock.nowMs())
    for (const id of sessions) see(this.#sessions, id, nowMs)
    for (const id of clients) see(this.#clients, id, nowMs)
  }

  sweep(): void {
    const { clock, sessionTtlMs, clientTtlMs } = this.#running
    const nowMs = Math.floor(clock.nowMs())
    for (const [id, session] of this.#sessions) if (nowMs - session.seenMs >= sessionTtlMs) this.#sessions.delete(id)
    for (const [id, client] of this.#clients) if (nowMs - client.seenMs >= clientTtlMs) this.#clients.delete(id)
    for (const { log } of this.#channels.values()) log.trim(nowMs)
    this.#revocations.sweep(nowMs - clientTtlMs)
    this.#sweptMs = nowMs
  }

  counts(): EngineCounts {
    let logMessages = 0
    let logBytes = 0
    for (const { log } of this.#channels.values()) {
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

  #append(key: string, data: string, origin: Id | undefined): ChannelLog {
    const { log } = this.#channels.get(key) ?? this.#make(key) ?? full()
    log.append(this.#running.random.id(), data, origin, this.#running.clock.nowMs())
    return log
  }

  #make(key: string): Channel | null {
    if (!this.#makeRoom()) {
      this.#running.count('refused.channels')
      return null
    }
    const channel = { log: new ChannelLog(this.#running.random.id(), this.#running.history(channelOfKey(key))), isRead: false }
    this.#channels.set(key, channel)
    return channel
  }

  /**
   * At the limit, a channel that nobody reads and that keeps no message is given up. Its next epoch is another, so whoever still has a place
   * in it is told so.
   */
  #makeRoom(): boolean {
    if (this.#channels.size < this.#maxChannels) return true
    for (const [key, { log, isRead }] of this.#channels) {
      if (isRead || log.size > 0) continue
      this.#channels.delete(key)
      this.#running.count('dropped.channels')
      return true
    }
    return false
  }

  /** Gives up the entry that was seen longest ago, unless even that was connected at the last sweep or since. Maps are kept in the order of being seen. */
  #giveUpOldest(kept: Map<Id, { readonly seenMs: number }>, count: string): boolean {
    const [oldest] = kept
    if (oldest === undefined || oldest[1].seenMs >= this.#sweptMs) return false
    kept.delete(oldest[0])
    this.#running.count(count)
    return true
  }

  #remember(client: Id, user: string | null): ClientRecord {
    const record = new ClientRecord(user)
    if (this.#clients.size >= this.#running.maxSessions * CLIENTS_PER_SESSION) this.#giveUpOldest(this.#clients, 'dropped.clients')
    this.#clients.set(client, { record, seenMs: Math.floor(this.#running.clock.nowMs()) })
    return record
  }
}

function see<T extends { seenMs: number }>(kept: Map<Id, T>, id: Id, nowMs: number): void {
  const entry = kept.get(id)
  if (entry === undefined) return
  entry.seenMs = nowMs
  kept.delete(id)
  kept.set(id, entry)
}

function full(): never {
  throw new HoldfastError('storage-full', 'The engine keeps as many channels as it may, and none of them can be given up.')
}
