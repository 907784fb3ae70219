import { askHistory } from './ask-history.ts'
import { Budgets } from './budgets.ts'
import { Channels } from './channels.ts'
import { Connection } from './connection.ts'
import type { ConnectionHost, HostedConnection } from './connection-host.ts'
import { Counters } from './counters.ts'
import { HOOK_MS, isPromise, kindOf } from './deadline.ts'
import { FairTurns } from './fair-turns.ts'
import { Fences } from './fences.ts'
import type { Awaitable } from './engine.ts'
import { every } from './every.ts'
import { Flusher } from './flusher.ts'
import { Gate } from './gate.ts'
import { publicationKey, userKey } from './handler-run.ts'
import { KeyedRate } from './keyed-rate.ts'
import { Lanes } from './lanes.ts'
import { MessageHandler } from './message-handler.ts'
import { inSlices } from './in-slices.ts'
import type { Metrics } from './metrics.ts'
import type { Settings } from './options.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './ports.ts'
import { OpenSockets } from './open-sockets.ts'
import { Publisher } from './publisher.ts'
import type { Readiness } from './readiness.ts'
import { Rights } from './rights.ts'
import { SendOnlyDesk } from './send-only-desk.ts'
import { shutDown } from './shut-down.ts'
import { Snapshots } from './snapshots.ts'
import { lookEveryMs, Standstill } from './standstill.ts'
import { WatchedEngine } from './watched-engine.ts'
import type { Cursor, Id } from '../protocol/index.ts'

/** Room for the envelope of a snapshot. */
const ENVELOPE_BYTES = 1_024

/**
 * A live server without a network: connections come in through `accept`, time and chance through ports.
 * `live-server.ts` puts it on WebSockets; the simulator hosts it as it is.
 */
export class LiveCore implements ConnectionHost {
  readonly settings: Settings
  readonly engine: WatchedEngine
  readonly flusher: Flusher
  readonly channels: Channels
  readonly snapshots: Snapshots
  readonly handler: MessageHandler
  readonly lanes: Lanes
  readonly fairTurns: FairTurns
  readonly standstill: Standstill
  /** Who may open a socket. */
  readonly gate: Gate
  readonly sockets: OpenSockets = new OpenSockets()
  readonly resumes: KeyedRate
  readonly sendOnly: SendOnlyDesk
  readonly rights: Rights
  readonly budgets: Budgets
  readonly started: Awaitable<void>
  readonly #counters = new Counters()
  readonly #connections = new Set<HostedConnection>()
  readonly #bySession = new Map<Id, HostedConnection>()
  readonly #fences: Fences
  readonly #stopTimers: readonly (() => void)[]
  readonly #publisher: Publisher
  #readiness: Readiness = 'starting'
  #closing: Promise<void> | undefined

  constructor(settings: Settings) {
    this.settings = settings
    const { clock, hooks, limits, log, random, sessions } = settings
    const count = (name: string, times?: number): void => this.count(name, times)
    this.#fences = new Fences(count)
    const logSafely = (entry: Parameters<typeof log>[0]): void => this.log(entry)
    const engine = (this.engine = new WatchedEngine(settings.engine, clock, (name, error) => this.#failed('engine_failed', error, name)))
    this.flusher = new Flusher(clock)
    this.fairTurns = new FairTurns(clock)
    this.standstill = new Standstill(lookEveryMs(settings), clock.nowMs())
    this.channels = new Channels(engine, this.flusher, limits.frameBytes - ENVELOPE_BYTES)
    this.snapshots = new Snapshots({ hook: hooks.snapshot, clock, maxBytes: limits.frameBytes - ENVELOPE_BYTES, log: logSafely, count })
    this.handler = new MessageHandler({
      hook: hooks.onMessage,
      clock,
      messageBytes: limits.messageBytes,
      maySend: (party, channel) => this.rights.maySend(party, channel),
      probe: (key, others, holder) => engine.probe(key, others, holder),
      log: logSafely,
      count,
    })
    this.lanes = new Lanes({ engine, limits, handler: this.handler, log: logSafely, count, failed: (error) => this.failed(error) })
    this.gate = new Gate(settings, this)
    this.resumes = new KeyedRate(limits.resumesPerMinute, count)
    this.sendOnly = new SendOnlyDesk(this)
    this.rights = new Rights(this)
    this.budgets = new Budgets(settings, this.gate, count)
    this.started = engine.start({
      clock,
      random,
      history: (channel) => askHistory(settings.history, channel, { count, log: logSafely }),
      sessionTtlMs: sessions.ttlMs,
      clientTtlMs: sessions.clientTtlMs,
      maxSessions: sessions.max,
      recordBytes: sessions.recordBytes,
      portions: settings.portions,
      isSessionUsed: (session) => this.#bySession.has(session),
      isClientUsed: (client) => this.lanes.has(client),
      changed: (key) => this.channels.changed(key),
      fenced: (session, connection) => {
        this.#fence(session, connection)
        const older = this.#bySession.get(session)
        if (older !== undefined && older.number < connection) older.end('replaced')
      },
      ended: (ending) => this.rights.ended(ending),
      crowded: (client) => this.lanes.crowd(client),
      count,
    })
    const { started } = this
    if (isPromise(started))
      started.then(
        () => this.#begin(),
        (error: unknown) => this.failed(error),
      )
    else this.#begin()
    this.#publisher = new Publisher({
      engine,
      started,
      messageBytes: limits.messageBytes,
      hasTold: (error) => engine.hasTold(error),
      log: logSafely,
    })
    const ticking = every(clock, lookEveryMs(settings), () => this.#tick())
    this.#stopTimers = [ticking, every(clock, sessions.sweepMs, () => this.#sweep())]
  }

  /** Whether the server takes no connections any more. */
  get isClosing(): boolean {
    return this.#closing !== undefined
  }

  /** What a health check wants to know: nobody should be sent here unless it is `ready`. */
  get readiness(): Readiness {
    return this.#readiness
  }

  /** Accepted sockets whose `hello` was not answered. */
  get waiting(): number {
    return this.#connections.size - this.#bySession.size - this.sendOnly.size
  }

  /** Takes an accepted socket; the host tells what it hears on it. */
  accept(socket: ServerSocket, request: UpgradeRequest): SocketEvents {
    const connection = new Connection(socket, request, this)
    this.#connections.add(connection)
    this.sockets.opened(connection)
    this.count('accepted')
    if (this.isClosing) connection.close('restart')
    return this.budgets.waiting.guard(connection)
  }

  /** Appends to a channel's log. */
  publish(channel: string, data: unknown): Promise<Cursor> {
    return this.#publisher.publish(() => publicationKey(channel), data)
  }

  /** Appends to a user's own log. */
  sendToUser(user: string, data: unknown): Promise<Cursor> {
    return this.#publisher.publish(() => userKey(user), data)
  }

  /** Takes nothing new, finishes what was begun, says goodbye, ends. The same promise for every call. */
  close(drainMs: number): Promise<void> {
    return (this.#closing ??= this.#close(drainMs))
  }

  /** Gauges and totals. */
  metrics(): Metrics {
    return {
      sockets: this.#connections.size,
      waiting: this.waiting,
      addresses: this.gate.addresses,
      channelsRead: this.channels.size,
      lanes: this.lanes.clients().length,
      queued: this.lanes.waiting(),
      sendOnly: this.sendOnly.size,
      ...this.engine.counts(),
      totals: this.#counters.read(),
    }
  }

  count(name: string, count?: number): void {
    this.#counters.add(name, count)
  }

  /** Hands a line to the app's log; a log that throws disturbs nothing. */
  log(entry: Parameters<Settings['log']>[0]): void {
    const failed = (): void => this.count('logFailures')
    try {
      const logged: unknown = this.settings.log(entry)
      if (isPromise(logged)) logged.then(undefined, failed)
    } catch {
      failed()
    }
  }

  entered(connection: HostedConnection): boolean {
    if (connection.session === undefined) return false
    // A newer one may have come, and gone again, while the engine made this one wait.
    if (!this.#fence(connection.session, connection.number)) return false
    this.#bySession.get(connection.session)?.end('replaced')
    this.#bySession.set(connection.session, connection)
    return true
  }

  left(connection: HostedConnection): void {
    this.#connections.delete(connection)
    const { session } = connection
    // An old connection's late end is nothing to a session that has a newer one.
    if (session === undefined || this.#bySession.get(session) !== connection) return
    this.#bySession.delete(session)
    this.engine.touch([session], [])
  }

  guard(work: Promise<void>, connection: HostedConnection): void {
    work.catch((error: unknown) => this.failed(error, connection))
  }

  failed(error: unknown, connection?: HostedConnection): void {
    if (!this.engine.hasTold(error)) this.#failed('failed', error)
    connection?.close('internal')
  }

  #begin(): void {
    if (!this.isClosing) this.#readiness = 'ready'
  }

  async #close(drainMs: number): Promise<void> {
    this.#readiness = 'closing'
    await shutDown(this, this.#connections, drainMs)
    this.#publisher.end()
    for (const stop of this.#stopTimers) stop()
    await this.engine.close()
    this.#readiness = 'closed'
  }

  #tick(): void {
    const { clock } = this.settings
    this.standstill.look(clock.nowMs())
    inSlices(clock, [...this.#connections], (some) => {
      for (const connection of some) connection.tick(clock.nowMs())
    })
  }

  #fence(session: Id, connection: number): boolean {
    return this.#fences.note(session, connection, this.settings.clock.nowMs())
  }

  #sweep(): void {
    const { clock, limits } = this.settings
    const openingSinceMs = clock.nowMs() - limits.helloMs - 2 * HOOK_MS
    this.#fences.sweep(openingSinceMs)
    // What is in use is told before anything is forgotten.
    inSlices(
      clock,
      [...this.#bySession.keys()],
      (some) => this.engine.touch(some, []),
      () => {
        inSlices(
          clock,
          this.lanes.clients(),
          (some) => this.engine.touch([], some),
          () => this.engine.sweep(),
        )
      },
    )
    this.channels.recheck()
    this.gate.sweep()
    this.resumes.sweep(clock.nowMs())
    this.sendOnly.sweep(clock.nowMs())
  }

  #failed(event: 'failed' | 'engine_failed', error: unknown, method?: string): void {
    this.count('failures')
    this.log({ level: 'error', event, method, error: kindOf(error) })
  }
}
