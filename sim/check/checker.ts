import type { OutboxRestart } from '../../src/bridge/contract.ts'
import type { SentMessage } from '../../src/page/sent-message.ts'
import type { HoldfastError } from '../../src/protocol/errors.ts'
import type { ChannelLog } from '../../src/server/channel-log.ts'
import type { Commit } from '../../src/server/engine.ts'
import type { Disk } from '../world/disk.ts'
import type { Link } from '../world/link.ts'
import type { Process } from '../world/process.ts'
import type { Profile } from '../world/profile.ts'
import type { Payload, SimTab } from '../world/sim-tab.ts'
import type { Wire } from '../world/wire.ts'
import type { World } from '../world/world.ts'
import { LogBook, type LogEntryFacts } from './log-book.ts'
import type { Place } from './stream.ts'
import { UpwardBook } from './upward-book.ts'
import { Violation } from './violation.ts'
import { WireTap } from './wire-tap.ts'

const MAX_TRIES_A_MINUTE = 20
/** Tries are counted when they begin; a page has ten seconds to give its credential before the socket is opened. */
const WINDOW_MS = 50_000

/** How much later than another one a verdict may be told: to a hidden tab, which has not answered yet. */
const TOLD_LATE_MS = 20_000

/** After the delays may have begun anew, hidden and frozen pages go on showing older waits for as long as the longest of them. */
const GRACE_MS = 40_000

/** Holds everything that happens to the rules. Knows no faults: what is excused, the faults declare. */
export class Checker {
  readonly upward: UpwardBook
  readonly #world: World
  readonly #tap: WireTap
  readonly #logs: LogBook
  readonly #tries = new Map<Process, number[]>()
  readonly #sessions = new Map<string, string | null>()
  readonly #graceMs = new Map<string, number>()
  readonly #welcomes = new Map<string, number>()
  readonly #failures = new Map<string, { readonly attempt: number; readonly retryAtMs: number }>()
  evaluated = 0

  constructor(world: World) {
    this.#world = world
    this.upward = new UpwardBook(world)
    this.#tap = new WireTap(world)
    this.#logs = new LogBook(world)
  }

  /** One check. Ends the simulation when the rule does not hold. */
  holds(isTrue: boolean, rule: string, what: () => string): void {
    this.evaluated++
    if (!isTrue) throw this.#world.violate(new Violation(rule, what()))
  }

  clientSays(wire: Wire, text: string): void {
    this.#tap.clientSays(wire, text)
  }

  serverSays(wire: Wire, text: string): void {
    this.#tap.serverSays(wire, text)
  }

  /** A hub opens a socket. */
  tries(hub: Process, nowMs: number): void {
    const tries = (this.#tries.get(hub) ?? []).filter((atMs) => atMs > nowMs - WINDOW_MS)
    tries.push(nowMs)
    this.#tries.set(hub, tries)
    this.#world.trace('opens', hub.name)
    this.#world.totals.count('tries')
    this.holds(tries.length <= MAX_TRIES_A_MINUTE, 'I34', () => `${hub.name} opened ${tries.length} sockets in a minute`)
  }

  /** The clock that counts a hub's tries has jumped. */
  forgetTries(hub: Process): void {
    this.#tries.delete(hub)
  }

  /** Whatever made the delays of a browser's connection begin anew. */
  mayBeginAnew({ name }: Profile): void {
    for (const key of this.#failures.keys()) if (key.startsWith(`${name} `)) this.#failures.delete(key)
    this.#graceMs.set(name, this.#world.schedule.nowMs + GRACE_MS)
  }

  /** A connection of a user in a browser is answered. */
  welcomed(profileName: string, user: string | null): void {
    const key = `${profileName} ${user}`
    this.#forgetFailures(key)
    this.#welcomes.set(key, this.#world.schedule.nowMs)
  }

  /** A page is shown that it waits, after so many failures in a row. */
  waits(tab: SimTab, attempt: number, retryAtMs: number): void {
    const key = `${tab.profile.name} ${tab.user}`
    this.#forgetFailures(key)
    if (this.#world.schedule.nowMs < (this.#graceMs.get(tab.profile.name) ?? 0)) return
    const known = this.#failures.get(key)
    const isBack = known !== undefined && attempt < known.attempt && retryAtMs > known.retryAtMs
    this.holds(!isBack, 'I34', () => `${tab.process.name} waits after ${attempt} failures, and waited after ${known?.attempt}`)
    if (!known || attempt > known.attempt) this.#failures.set(key, { attempt, retryAtMs })
  }

  /** The last connection may have held for so long that the delays begin anew. */
  #forgetFailures(key: string): void {
    const { schedule, settings } = this.#world
    const heldMs = schedule.nowMs - (this.#welcomes.get(key) ?? Infinity)
    if (heldMs < (settings.connect.reconnect?.stableAfterMs ?? 0)) return
    this.#failures.delete(key)
    this.#graceMs.set(key.split(' ')[0] ?? '', Math.max(this.#graceMs.get(key.split(' ')[0] ?? '') ?? 0, schedule.nowMs + 1))
  }

  /** The peer of these connections is silent from now on: those who listen must have noticed within `withinMs`. */
  mustNotice(link: Link, withinMs: number, among: (hub: Process) => boolean = () => true): void {
    const { schedule } = this.#world
    const sinceMs = schedule.nowMs
    for (const wire of link.wires) {
      if (!wire.isOpen || !among(wire.hub)) continue
      const { stops } = wire.hub
      schedule.at(withinMs, () => {
        const isDeaf = wire.hub.isAlive && !wire.hub.isPaused && wire.hub.stops === stops && !wire.hasClientEnded && wire.heardMs <= sinceMs
        this.holds(!isDeaf, 'I33', () => `${wire.hub.name} has heard nothing for ${schedule.nowMs - wire.heardMs} ms and does not mind`)
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

  /** The lowest head up to which a replay of the channel was announced to the tab's hub after `sinceMs`; of the newest replay, when there was none since. */
  announcedTo(tab: SimTab, channel: string, sinceMs: number): Place | undefined {
    const all = this.#tap.announced.get(`${tab.profile.name} ${tab.user} ${channel}`) ?? []
    return all.find(({ atMs }) => atMs > sinceMs - TOLD_LATE_MS) ?? all.at(-1)
  }

  committed(ledger: string, client: string, user: string | null, commit: Commit): void {
    this.upward.committed(ledger, client, user, commit)
  }

  sent(tab: SimTab, message: SentMessage, channel: string, payload: Payload): void {
    this.upward.sent(tab, message, channel, payload)
  }

  /** A transaction has happened. */
  stored(disk: Disk, call: string): void {
    const outbox = disk.contents.stored?.outbox
    if (!outbox) return
    if (call === 'bury' || call === 'recalled') this.upward.putAside(disk)
    const { entries, acked, next } = outbox
    const isGapless =
      entries.length === next - 1 - acked && (entries.length === 0 || (entries[0]?.n === acked + 1 && entries.at(-1)?.n === next - 1))
    this.holds(isGapless, 'I3', () => `${call}: ${entries.length} entries between ${acked} and ${next}`)
    this.holds(outbox.sentThrough < next, 'I3', () => `${call}: sent through ${outbox.sentThrough} of ${next}`)
  }

  /** Entries are about to be deleted on the strength of an ack. */
  settles(disk: Disk, through: number, id: string): void {
    const outbox = disk.contents.stored?.outbox
    if (!outbox || through <= outbox.acked) return
    for (const entry of outbox.entries) {
      if (entry.n > through) break
      const isCovered = entry.skip !== undefined || this.upward.wasCommitted(outbox.client, entry.n, entry.id)
      this.holds(isCovered, 'I2', () => `${entry.id}, number ${entry.n}, is deleted by an ack of ${through} ${id} and was never committed`)
    }
  }

  /** A hub that kept messages in memory only has ended. */
  forgets(profile: Profile, scope: string): void {
    this.upward.excuse(profile, scope, 'memory')
  }

  restartTold(tab: SimTab, restart: OutboxRestart): void {
    this.#world.trace('restart', tab.process.name, restart.reason, restart.mayRepeat.length, restart.mayBeLost.length)
    this.#world.totals.count(`outbox restarts told: ${restart.reason}`)
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
