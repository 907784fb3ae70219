import type { OutboxRestart } from '../../src/core/notices.ts'
import type { SentMessage } from '../../src/page/sent-message.ts'
import type { HoldfastError } from '../../src/protocol/errors.ts'
import type { ChannelLog } from '../../src/server/channel-log.ts'
import type { Commit } from '../../src/server/engine.ts'
import type { Link } from '../world/link.ts'
import type { Process } from '../world/process.ts'
import type { Profile } from '../world/profile.ts'
import type { Payload, SimTab } from '../world/sim-tab.ts'
import type { World } from '../world/world.ts'
import { Farewells } from './farewells.ts'
import { LogBook, type LogEntryFacts } from './log-book.ts'
import { PaceBook } from './pace-book.ts'
import { RateBook } from './rate-book.ts'
import { RightsBook } from './rights-book.ts'
import { SendOnlyBook } from './send-only-book.ts'
import { StoredOutbox } from './stored-outbox.ts'
import { SignOutBook } from './sign-out-book.ts'
import type { Place } from './stream.ts'
import { ToldBook } from './told-book.ts'
import { TriesBook } from './tries-book.ts'
import { UpwardBook } from './upward-book.ts'
import { Violation } from './violation.ts'
import { VolatileBook } from './volatile-book.ts'
import { WireTap } from './wire-tap.ts'

/** How much later than another one a verdict may be told: to a hidden tab, which has not answered yet. */
const TOLD_LATE_MS = 20_000

/** Holds everything that happens to the rules. Knows no faults: what is excused, the faults declare. */
export class Checker {
  readonly upward: UpwardBook
  readonly tries: TriesBook
  readonly outbox: StoredOutbox
  readonly wires: WireTap
  readonly sendOnly: SendOnlyBook
  readonly signOuts: SignOutBook
  readonly rights: RightsBook
  readonly passing: VolatileBook
  readonly told: ToldBook
  readonly pace: PaceBook
  readonly rates: RateBook
  readonly farewells: Farewells
  readonly #world: World
  readonly #logs: LogBook
  readonly #sessions = new Map<string, string | null>()
  evaluated = 0

  constructor(world: World) {
    this.#world = world
    this.upward = new UpwardBook(world)
    this.tries = new TriesBook(world)
    this.outbox = new StoredOutbox(world)
    this.wires = new WireTap(world)
    this.sendOnly = new SendOnlyBook(world)
    this.signOuts = new SignOutBook(world)
    this.rights = new RightsBook(world)
    this.passing = new VolatileBook(world)
    this.told = new ToldBook(world)
    this.pace = new PaceBook(world)
    this.rates = new RateBook(world)
    this.farewells = new Farewells(world)
    this.#logs = new LogBook(world)
  }

  /** One check. Ends the simulation when the rule does not hold. */
  holds(isTrue: boolean, rule: string, what: () => string): void {
    this.evaluated++
    if (!isTrue) throw this.#world.violate(new Violation(rule, what()))
  }

  /** The peer of these connections is silent from now on: those who listen must have noticed within `withinMs`. */
  mustNotice(link: Link, withinMs: number, among: (hub: Process) => boolean = () => true): void {
    const { schedule } = this.#world
    const sinceMs = schedule.nowMs
    for (const wire of link.wires) {
      const { hub } = wire
      if (!wire.isOpen || !among(hub)) continue
      // The time of one that stands still begins when it goes on.
      hub.post(() => {
        const { stops } = hub
        schedule.at(withinMs, () => {
          const isDeaf = hub.isAlive && !hub.isPaused && hub.stops === stops && !wire.hasClientEnded && wire.heardMs <= sinceMs
          this.holds(!isDeaf, 'I33', () => `${hub.name} has heard nothing for ${schedule.nowMs - wire.heardMs} ms and does not mind`)
        })
      })
    }
  }

  /** Who a session was made for. */
  sessionOf(session: string, user: string | null): void {
    const known = this.#sessions.get(session)
    this.holds(known === undefined || known === user, 'I27', () => `a session of ${known} was given to ${user}`)
    this.#sessions.set(session, user)
  }

  /** The log of a channel was appended to, or is read for the first time. */
  published(key: string, log: ChannelLog): void {
    this.#logs.read(key, log)
  }

  entryOf(id: string): LogEntryFacts | undefined {
    return this.#logs.entryOf(id)
  }

  /**
   * The lowest head up to which a replay of the channel was announced to the tab's hub after `sinceMs`; of the newest
   * replay, when there was none since.
   */
  announcedTo(tab: SimTab, channel: string, sinceMs: number): Place | undefined {
    const all = this.wires.announced.get(`${tab.profile.name} ${tab.user} ${channel}`) ?? []
    return all.find(({ atMs }) => atMs > sinceMs - TOLD_LATE_MS) ?? all.at(-1)
  }

  /** Where the channel was begun without a value, the last time that it was, for the tab's browser. */
  startOf(tab: SimTab, channel: string): Place | undefined {
    return this.wires.started.get(`${tab.profile.name} ${tab.user} ${channel}`)
  }

  committed(ledger: string, client: string, user: string | null, commit: Commit): void {
    this.upward.committed(ledger, client, user, commit)
    this.farewells.committed(client, commit.n)
  }

  sent(tab: SimTab, message: SentMessage, channel: string, payload: Payload, isRetry: boolean = false): void {
    this.upward.sent(tab, message, channel, payload, isRetry)
  }

  /** A hub that kept messages in memory only has ended. */
  forgets(profile: Profile, scope: string): void {
    this.upward.excuse(profile, scope, 'memory')
  }

  restartTold(tab: SimTab, restart: OutboxRestart): void {
    this.#world.trace('restart', tab.process.name, restart.reason, restart.mayRepeat.length, restart.mayBeLost.length)
    this.#world.totals.count(`outbox restarts told: ${restart.reason}`)
    this.told.restarted(tab, restart)
  }

  errorTold(tab: SimTab, error: HoldfastError): void {
    this.#world.trace('error', tab.process.name, error.code, error.message)
    this.#world.totals.count(`errors told: ${error.code}`)
  }

  /** Code of the page threw, or nobody listened to an error. */
  reported(tab: SimTab, error: unknown): void {
    // Thrown by a check in a handler of the page: it is noted already.
    if (error instanceof Violation) return
    this.holds(false, 'I29', () => `${tab.process.name}: ${String(error)} ${error instanceof Error ? error.stack : ''}`)
  }

  streamRefused(tab: SimTab, channel: string): void {
    this.#world.trace('refused', tab.process.name, channel)
    this.#world.totals.count('channels refused')
  }

  /** Where a log ends. */
  headOf(key: string): Place | undefined {
    return this.#logs.headOf(key)
  }
}
