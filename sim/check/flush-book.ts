import { ownerLockName } from '../../src/bridge/lock-names.ts'
import type { Flush, Flushed } from '../../src/protocol/messages.ts'
import type { Refusal } from '../../src/server/flush-run.ts'
import type { LiveCore } from '../../src/server/live-core.ts'
import { readOutboxToken } from '../../src/server/outbox-token.ts'
import type { Process } from '../world/process.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'

/** Holds what service workers send, and what they are answered, to the rules of the two paths (I4, I13, SW6 to SW15). */
export class FlushBook {
  readonly #world: World
  /** When each flush opened its store, or heard the last answer: who has waited for the lock since before that was to be seen. */
  readonly #lookedMs = new Map<string, number>()
  /** Stores that were given another client's token: whose outbox it is cannot be told there any more. */
  readonly #mixedUp = new Set<string>()
  /** Workers that were told to leave. */
  readonly #leaving = new Set<Process>()

  constructor(world: World) {
    this.#world = world
  }

  /** A flush opens the store. */
  opens(profile: Profile, process: Process, scope: string): void {
    const { check, schedule } = this.#world
    check.holds(
      profile.locks.isHeldBy(process, ownerLockName(scope)),
      'SW6',
      () => `${process.name} opens the store without the owner lock`,
    )
    this.#lookedMs.set(`${process.name} ${scope}`, schedule.nowMs)
  }

  /** A flush sends a request. */
  posts(profile: Profile, process: Process, scope: string, text: string): void {
    const { check, totals } = this.#world
    const name = ownerLockName(scope)
    const { client, user, entries } = JSON.parse(text) as Flush
    const first = entries[0]?.n ?? 0
    const through = first + entries.length - 1
    this.#world.trace('post', process.name, client, first, through)
    totals.count('outboxes posted')
    check.holds(profile.locks.isHeldBy(process, name), 'I4', () => `${process.name} sends without the owner lock`)
    check.holds(!this.#leaving.has(process), 'SW15', () => `${process.name} sends after an update was accepted`)
    const sinceMs = profile.locks.waitingSinceMs(name)
    const lookedMs = this.#lookedMs.get(`${process.name} ${scope}`) ?? 0
    check.holds(sinceMs === null || sinceMs >= lookedMs, 'SW7', () => `${process.name} sends while a hub waits since ${sinceMs}`)
    const stored = profile.disk(scope).contents.stored
    // The storage may have been taken away meanwhile, or be another hub's already.
    if (stored?.outbox.client !== client || !profile.locks.isHeldBy(process, name, false)) return
    const { acked, sentThrough, entries: held } = stored.outbox
    check.holds(through <= sentThrough, 'SW8', () => `${process.name} sends ${through}, and is marked as sent through ${sentThrough}`)
    const owner = this.#world.profiles.flatMap(({ tabs }) => tabs).find((tab) => tab.scope === scope)?.user
    const isOwn = user === owner || this.#mixedUp.has(`${profile.name} ${scope}`)
    check.holds(isOwn, 'I25', () => `${process.name} sends the outbox of ${owner} as ${user}`)
    for (const entry of entries) {
      const known = held[entry.n - acked - 1]
      const isIt = known?.id === entry.id && (known.skip !== undefined) === 'skip' in entry
      check.holds(isIt, 'SW8', () => `${process.name} sends ${entry.id} as ${entry.n}, where ${known?.id} is stored`)
      check.holds(known?.recall === undefined, 'SW9', () => `${process.name} sends ${entry.id}, which is to be asked about`)
    }
  }

  /** A request of a flush is over. */
  answered(process: Process, scope: string): void {
    this.#lookedMs.set(`${process.name} ${scope}`, this.#world.schedule.nowMs)
  }

  /** A flush has ended. */
  ended(profile: Profile, process: Process, scope: string): void {
    const isKept = profile.locks.isHeldBy(process, ownerLockName(scope), false)
    this.#world.check.holds(!isKept, 'SW6', () => `${process.name} keeps the owner lock after its flush`)
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

  /** The server judges a flush. */
  async watch(core: LiveCore, token: string, text: string, apply: () => Promise<string | Refusal>): Promise<string | Refusal> {
    const { check, totals, server } = this.#world
    const { engine } = server
    const grant = readOutboxToken(core.engine.secret, token)
    const { client, user } = JSON.parse(text) as Flush
    const wasRevoked = grant !== null && grant.issuedAtMs <= engine.revocationOf(client)
    const hadLeft = check.signOuts.isRevoked(client, grant?.issuedAtMs ?? 0)
    const answer = await apply()
    totals.count(typeof answer === 'string' ? 'flushes answered' : `flushes refused: ${answer.reason}`)
    if (typeof answer !== 'string') return answer
    const isGood = grant?.client === client && grant.user === user && !wasRevoked && !hadLeft
    check.holds(
      isGood,
      'I25',
      () => `a flush of ${client}, ${user} was taken with a token of ${grant?.client}, ${grant?.user}, ${wasRevoked}`,
    )
    const { hi, stable, id } = JSON.parse(answer) as Flushed
    const record = engine.recordOf(client)
    check.holds(hi <= (record?.hi ?? 0) && stable <= hi, 'I10', () => `flushed ${hi}/${stable} of ${record?.hi}`)
    const known = record?.idAt(stable)
    check.holds(known === undefined || known === id, 'I10', () => `flushed ${id} at ${stable}, which is ${known}`)
    return answer
  }
}
