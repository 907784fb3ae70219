import type { SignedOut } from '../../src/bridge/contract.ts'
import type { HoldfastError } from '../../src/protocol/errors.ts'
import type { Id } from '../../src/protocol/messages.ts'
import type { Disk } from '../world/disk.ts'
import type { Process } from '../world/process.ts'
import type { Profile } from '../world/profile.ts'
import type { SimTab } from '../world/sim-tab.ts'
import type { World } from '../world/world.ts'

/** The last sign-out that a database has seen. */
interface Forgotten {
  readonly atMs: number
  readonly park: boolean
  /** Messages without a fate that were there. */
  readonly waiting: number
  /** The hub worked from memory and had messages of its own. */
  readonly wasMemory: boolean
}

/** Holds what becomes of a user's traces, when the user leaves, to the rules (I25, I26, SO1 to SO8). */
export class SignOutBook {
  readonly #world: World
  readonly #last = new Map<Disk, Forgotten>()
  /** Sign-outs that the database had seen when a page first heard something. */
  readonly #known = new Map<SimTab, number>()
  /** Sessions that a server has ended, and with which of its revocations the tokens of their clients. */
  readonly #ended = new Set<Id>()
  readonly #revoked = new Map<string, number>()

  constructor(world: World) {
    this.#world = world
  }

  /** The database is about to forget. @returns to be called when it has */
  forgets(disk: Disk, hub: Process, park: boolean): () => void {
    const { check, schedule, totals } = this.#world
    check.tries.left(hub)
    const [profile, scope] = this.#ownerOf(disk)
    const { entries = [], sentThrough = 0 } = disk.contents.stored?.outbox ?? {}
    const waiting = entries.filter((entry) => check.upward.all.has(entry.id) && entry.skip === undefined)
    return () => {
      const { stored, channels } = disk.contents
      const wasMemory = profile.liveWorkers.some(({ process, isForgetful }) => process === hub && isForgetful)
      this.#last.set(disk, { atMs: schedule.nowMs, park, waiting: waiting.length, wasMemory })
      this.#world.trace('signed out', profile.name, scope, park, waiting.length)
      totals.count(park ? 'signed out, and kept the outbox' : 'signed out', 1)
      const isClean = stored?.session === null && stored.sendOnly === null && stored.memory.fates.size === 0 && channels.size === 0
      check.holds(isClean, 'I26', () => `${profile.name} ${scope} has traces of the user who left`)
      const kept = new Set(stored?.outbox.entries.map(({ id }) => id))
      const isRight = park ? waiting.every(({ id }) => kept.has(id)) : kept.size + (stored?.parked.size ?? 0) === 0
      check.holds(isRight, park ? 'I6' : 'I26', () => `${profile.name} ${scope} holds ${kept.size} of ${waiting.length} messages`)
      if (park) return check.upward.kept(waiting.map(({ id }) => id))
      check.upward.excuse(profile, scope, 'signed out')
      // What was sent under an earlier client id may take effect yet, too.
      const unsent = waiting.filter(({ n, recall, mayRepeat }) => n > sentThrough && !recall && !mayRepeat)
      check.upward.forgotten(unsent.map(({ id }) => id))
    }
  }

  /** A page was told what became of it. */
  done(tab: SimTab, park: boolean, { discarded, serverTold }: SignedOut): void {
    const { check, totals } = this.#world
    this.#world.trace('left', tab.process.name, discarded, serverTold)
    totals.count(serverTold ? 'sign-outs that the server was told of' : 'sign-outs that the server was not told of')
    const last = this.#last.get(tab.disk)
    check.holds(last !== undefined, 'I26', () => `${tab.process.name} has signed out, and nothing was forgotten`)
    if (!last) return
    const stored = last.park ? 0 : last.waiting
    // Who asks when somebody else is at it already gets that one's answer.
    const isTold = last.wasMemory ? discarded >= stored : discarded === stored
    check.holds(isTold, 'SO5', () => `${tab.process.name} is told of ${discarded} of ${last.waiting}, ${park}`)
  }

  failed(tab: SimTab, { code }: HoldfastError): void {
    this.#world.trace('not left', tab.process.name, code)
    this.#world.totals.count(`sign-outs that failed: ${code}`)
  }

  /** A page learns that its user has left. */
  told(tab: SimTab): void {
    const { check } = this.#world
    for (const { scope, isForgetful, process } of tab.profile.liveWorkers) {
      if (scope !== tab.scope) continue
      check.tries.left(process)
      // What was kept in memory only goes with the user.
      if (isForgetful) check.forgets(tab.profile, tab.scope)
    }
  }

  /** A page is handed something of a channel. */
  hears(tab: SimTab, channel: string): void {
    const { check, schedule } = this.#world
    const { name } = tab.process
    check.holds(!tab.hasLeft, 'I26', () => `${name} hears of ${channel} after its user has left`)
    const { disk } = tab
    const { signOuts } = disk.contents
    const known = this.#known.get(tab)
    if (known === undefined) return void this.#known.set(tab, signOuts)
    const last = this.#last.get(disk)
    // What a page that stood still is handed as it turns to another hub was said before.
    if (signOuts <= known || !last || tab.joinedMs < last.atMs || tab.joinedMs === schedule.nowMs) return
    // A hub without the storage knows nothing of it.
    const isMemory = tab.profile.liveWorkers.some((worker) => worker.isForgetful)
    check.holds(isMemory, 'I26', () => `${name} came back after its user had left, and hears of ${channel}`)
  }

  /** A server has ended a session because its user left. */
  ended(session: Id | null, client: Id, user: string | null): void {
    if (session !== null) this.#ended.add(session)
    const { engine } = this.#world.server
    this.#revoked.set(`${engine.ledger} ${client}`, engine.revocationOf(client, user))
  }

  /** Whether the session was ended before. */
  hasEnded(session: Id | null): boolean {
    return session !== null && this.#ended.has(session)
  }

  /** Whether the token of a client was revoked by a sign-out, and none was made since. */
  isRevoked(ledger: Id, client: Id, revocations: number): boolean {
    return revocations < (this.#revoked.get(`${ledger} ${client}`) ?? 0)
  }

  #ownerOf(disk: Disk): [profile: Profile, scope: string] {
    for (const profile of this.#world.profiles) for (const [scope, one] of profile.disks) if (one === disk) return [profile, scope]
    throw new Error('a disk of nobody')
  }
}
