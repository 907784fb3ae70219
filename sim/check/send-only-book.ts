import { ownerLockName } from '../../src/bridge/lock-names.ts'
import type { ClientMessage } from '../../src/protocol/messages.ts'
import { readOutboxToken } from '../../src/server/outbox-token.ts'
import type { Process } from '../world/process.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'
import { Violation } from './violation.ts'

/** A hub that waits for the lock is noticed within so long, at the latest. */
const NOTICED_MS = 1_100

/** What was said in a `hello` that held a token. */
interface Greeting {
  readonly client: string
  readonly user: string | null
  readonly outboxToken: string
}

/** Holds what service workers send, and what they are answered, to the rules (I4, I13, P36 to P42, SW6 to SW15). */
export class SendOnlyBook {
  readonly #world: World
  /** Stores that were given another client's token: whose outbox it is cannot be told there any more. */
  readonly #mixedUp = new Set<string>()
  /** Workers that were told to leave. */
  readonly #leaving = new Set<Process>()

  constructor(world: World) {
    this.#world = world
  }

  /** A worker opens the store. */
  opens(profile: Profile, process: Process, scope: string): void {
    const isOwner = profile.locks.isHeldBy(process, ownerLockName(scope))
    this.#world.check.holds(isOwner, 'SW6', () => `${process.name} opens the store without the owner lock`)
  }

  /** A worker says something to the server. */
  says(profile: Profile, process: Process, scope: string, text: string): void {
    const { check, totals, schedule } = this.#world
    const name = ownerLockName(scope)
    const message = JSON.parse(text) as ClientMessage
    this.#world.trace('says', process.name, message.type)
    totals.count(`service workers said: ${message.type}`)
    check.holds(['hello', 'send', 'skip', 'ping'].includes(message.type), 'P39', () => `${process.name} says ${message.type}`)
    check.holds(profile.locks.isHeldBy(process, name), 'I4', () => `${process.name} sends without the owner lock`)
    check.holds(!this.#leaving.has(process), 'SW15', () => `${process.name} sends after an update was accepted`)
    const sinceMs = Math.max(profile.locks.waitingSinceMs(name) ?? Infinity, process.wentOnMs)
    const isNoticed = schedule.nowMs - sinceMs <= NOTICED_MS
    check.holds(sinceMs === Infinity || isNoticed, 'SW7', () => `${process.name} sends while a hub waits since ${sinceMs}`)
    const owner = this.#world.profiles.flatMap(({ tabs }) => tabs).find((tab) => tab.scope === scope)?.user
    const isMixedUp = this.#mixedUp.has(`${profile.name} ${scope}`)
    if (message.type === 'hello')
      check.holds(message.user === owner || isMixedUp, 'I25', () => `${process.name} sends the outbox of ${owner} as ${message.user}`)
    const entries = message.type === 'send' ? message.messages : message.type === 'skip' ? message.numbers : []
    const stored = profile.disk(scope).contents.stored
    // The storage may have been taken away meanwhile, or be another hub's already.
    if (!stored || entries.length === 0 || !profile.locks.isHeldBy(process, name, false)) return
    const { acked, sentThrough, entries: held } = stored.outbox
    const through = entries.at(-1)?.n ?? 0
    // What was put in its place by a fault meanwhile says nothing of what was sent.
    if (!held.some(({ id }) => id === entries[0]?.id)) return
    check.holds(through <= sentThrough, 'SW8', () => `${process.name} sends ${through}, and is marked as sent through ${sentThrough}`)
    for (const entry of entries) {
      const known = held[entry.n - acked - 1]
      const isIt = known?.id === entry.id && (known.skip !== undefined) === (message.type === 'skip')
      check.holds(isIt, 'SW8', () => `${process.name} sends ${entry.id} as ${entry.n}, where ${known?.id} is stored`)
      check.holds(known?.recall === undefined, 'SW9', () => `${process.name} sends ${entry.id}, which is to be asked about`)
    }
  }

  /** A worker gives the outbox another client id, which its token is not for, and which only a tab can be told of. */
  restarts(process: Process): never {
    throw this.#world.violate(new Violation('OB28', `${process.name} restarts the outbox`))
  }

  /** A worker has done with an event. */
  ended(profile: Profile, process: Process, scope: string): void {
    const isKept = profile.locks.isHeldBy(process, ownerLockName(scope), false)
    this.#world.check.holds(!isKept, 'SW6', () => `${process.name} keeps the owner lock after its event`)
  }

  /** A fault stores what the server gave another client. */
  mixesUp(profile: Profile, scope: string): void {
    this.#mixedUp.add(`${profile.name} ${scope}`)
  }

  /** A copy of a browser holds what was mixed up there, too. */
  copied(from: Profile, to: Profile, scope: string): void {
    if (this.#mixedUp.has(`${from.name} ${scope}`)) this.mixesUp(to, scope)
  }

  /** A worker is told to leave. */
  left(process: Process): void {
    this.#leaving.add(process)
  }

  /** The server lets in who greeted so, or tells it what is committed. */
  isTold({ client, user, outboxToken }: Greeting, text: string): void {
    const { check, totals, server } = this.#world
    const { secret, ledger } = server.engine
    const grant = readOutboxToken(secret, outboxToken)
    const isIts = grant?.client === client && grant.user === user
    check.holds(isIts, 'I25', () => `${client}, ${user} was let in with a token of ${grant?.client}, ${grant?.user}`)
    const revocations = grant?.revocations ?? 0
    const isRevoked =
      revocations < server.engine.revocationOf(client, user) ||
      check.signOuts.isRevoked(ledger, client, revocations) ||
      check.rights.isRevoked(ledger, user, revocations)
    check.holds(!isRevoked, 'P42', () => `${client}, ${user} is told something though its token was revoked: ${text}`)
    totals.count(text.startsWith('{"type":"ack"') ? 'service workers acknowledged' : 'service workers let in')
  }
}
