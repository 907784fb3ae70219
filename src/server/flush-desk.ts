import { askPermission } from './ask-permission.ts'
import { isPromise, kindOf } from './deadline.ts'
import type { Awaitable, Engine } from './engine.ts'
import { FlushRun, type Refusal } from './flush-run.ts'
import { KeyedRate } from './keyed-rate.ts'
import { mostUnconfirmed } from './lane-entry.ts'
import type { Lanes } from './lanes.ts'
import type { Settings } from './options.ts'
import { announcesOtherVersion } from './other-version.ts'
import { readOutboxToken, type OutboxGrant } from './outbox-token.ts'
import type { LogEntry } from '../core/ports.ts'
import { decodeFlush, PROTOCOL_VERSION, type Flush, type Id } from '../protocol/index.ts'

/** What flushes need of the server. */
export interface FlushHost {
  readonly settings: Settings
  readonly engine: Engine
  readonly lanes: Lanes
  readonly started: Awaitable<void>
  readonly isClosing: boolean
  count(name: string, count?: number): void
  log(entry: LogEntry): void
}

/** A client whose flush may be read. */
export type FlushTicket = OutboxGrant

/** Handlers that take longer than this are not waited for: a client gives up soon after, and asks again. */
const ANSWER_MS = 8_000
/** Nodes of one engine may have clocks that differ by so much. A token from later on could not be revoked. */
const SKEW_MS = 60_000

/** Takes outboxes of clients that have no socket: who may send one, how many at a time, and what is answered. */
export class FlushDesk {
  readonly #host: FlushHost
  readonly #rate: KeyedRate
  readonly #clients = new Set<Id>()
  readonly #runs = new Set<FlushRun>()

  constructor(host: FlushHost) {
    this.#host = host
    this.#rate = new KeyedRate(host.settings.limits.flushesPerMinute, (name) => host.count(name))
  }

  /** Flushes under way. */
  get size(): number {
    return this.#clients.size
  }

  /**
   * Asks whether the flush of who has this token may be read, before any of it is. A ticket is followed by one `leave`. `rate`: too often; `busy`: too many, or this
   * client's last one is not answered yet.
   */
  async enter(token: string): Promise<FlushTicket | 'unauthenticated' | 'busy' | 'rate'> {
    const { settings, engine, started, isClosing } = this.#host
    const { clock, limits, sessions } = settings
    if (isClosing) return 'busy'
    // The secret is the engine's, which may have to connect first.
    await started
    const grant = readOutboxToken(engine.secret, token)
    if (grant === null) return 'unauthenticated'
    const ageMs = clock.wallMs() - grant.issuedAtMs
    if (ageMs >= sessions.clientTtlMs || ageMs < -SKEW_MS) return 'unauthenticated'
    if (!this.#rate.take(grant.client, clock.nowMs())) return 'rate'
    if (this.#clients.size >= limits.flushes || this.#clients.has(grant.client)) return 'busy'
    this.#clients.add(grant.client)
    return grant
  }

  /** The flush of the ticket is answered, or its client is gone. */
  leave({ client }: FlushTicket): void {
    this.#clients.delete(client)
  }

  /** Applies the body of a flush: `flushed` as JSON text, or why not. Never rejects. */
  async apply(ticket: FlushTicket, text: string): Promise<string | Refusal> {
    const { engine } = this.#host
    const decoded = decodeFlush(text)
    if (!decoded.ok) return { reason: announcesOtherVersion(text, 'flush') ? 'version' : 'bad-message' }
    const { message: flush } = decoded
    if (flush.protocol !== PROTOCOL_VERSION) return { reason: 'version' }
    if (flush.client !== ticket.client) return { reason: 'unauthenticated' }
    if (flush.user !== ticket.user) return { reason: 'user' }
    if (flush.ledger !== engine.ledger) return { reason: 'ledger' }
    try {
      return (await this.#isAuthorized(ticket)) ? await this.#run(ticket, flush) : { reason: 'forbidden' }
    } catch (error) {
      // The engine failed: nothing is known of the outcome, and asking again will tell.
      this.#host.count('failures')
      this.#host.log({ level: 'error', event: 'flush_failed', error: kindOf(error) })
      return { reason: 'busy' }
    }
  }

  /** Answers what is under way with what is committed. */
  end(): void {
    for (const run of this.#runs) run.end()
  }

  /** Forgets rates whose time has passed. */
  sweep(nowMs: number): void {
    this.#rate.sweep(nowMs)
  }

  async #run(ticket: FlushTicket, flush: Flush): Promise<string | Refusal> {
    const { engine, lanes, settings } = this.#host
    const { limits, clock } = settings
    const { client, user } = ticket
    const lane = lanes.enter(client)
    const run = new FlushRun(flush, lane, limits)
    try {
      await lane.load()
      const revoked = engine.revokedAtMs(client)
      // Asked last: what is revoked from here on finds the numbers in the lane, and whoever has to know waits for that.
      if (ticket.issuedAtMs <= (isPromise(revoked) ? await revoked : revoked)) return { reason: 'unauthenticated' }
      if (this.#host.isClosing) return { reason: 'busy' }
      if (lane.record?.user === user) engine.confirm(client, flush.confirmed)
      if ((lane.record?.unconfirmed ?? 0) > mostUnconfirmed(limits.sendWindow)) return { reason: 'busy' }
      this.#host.count('received', flush.entries.length)
      this.#runs.add(run)
      const cancel = clock.setTimer(ANSWER_MS, () => run.end())
      run.begin()
      await run.ended
      cancel()
      const answer = run.answer(engine.ledger)
      engine.touch([], [client])
      return answer
    } finally {
      run.end()
      this.#runs.delete(run)
      lanes.leave(lane)
    }
  }

  #isAuthorized({ user, client }: FlushTicket): Awaitable<boolean> {
    const { clock, hooks } = this.#host.settings
    const { authorizeFlush } = hooks
    if (authorizeFlush === undefined) return true
    return askPermission(
      clock,
      () => authorizeFlush({ user, client }),
      (error) => this.#host.log({ level: 'error', event: 'authorize_flush_failed', error: kindOf(error) }),
    )
  }
}
