import type { SentMessage } from '../../src/page/sent-message.ts'
import type { HoldfastError } from '../../src/protocol/errors.ts'
import type { Commit } from '../../src/server/engine.ts'
import type { Disk } from '../world/disk.ts'
import type { Profile } from '../world/profile.ts'
import type { Payload, SimTab } from '../world/sim-tab.ts'
import type { World } from '../world/world.ts'
import { HandlerEnds } from './handler-ends.ts'
import { MetMemories, storageOf } from './met-memories.ts'

/** Everything known of one message that was sent. */
export interface SentFacts {
  readonly id: string
  readonly tab: SimTab
  readonly message: SentMessage
  readonly channel: string
  readonly payload: Payload
  readonly isRetry: boolean
  /** The order of the last message of its tab that must take effect before it. */
  readonly behind: number
  isQueued: boolean
  /** How often it took effect. */
  applied: number
  /** The server memories and client ids it took effect under. */
  readonly clients: Set<string>
  rejected: number
  /** It was parked, or ended on its own side, in the store. */
  isPutAside: boolean
  /** It was sent on with the mark that it may have been applied before. */
  isMarked: boolean
  readonly sentMs: number
  /** How often a hub was handed it. */
  offers: number
  /** How its sender was told that it was not applied, and will not be. */
  denied: string | null
  /** Its sender was told that nobody knows whether it takes effect. */
  isDoubtful: boolean
  /** Its user left before it was sent, and had it deleted. */
  isForgotten: boolean
  /** What the storage held to be told of it went with the storage, or with its user. */
  isUntellable: boolean
  /** Its user left and had it kept, which gave it the number of another client. */
  isKept: boolean
  /** What faults have done to the storage that held it. */
  readonly excuses: Set<Excuse>
}

/**
 * What a fault did to a storage: emptied it, put an older copy back, copied it, or let it be kept in memory only. `signed out`: its user had it deleted.  `never compared`: emptied it after an older copy was put back, and before a server could say that it is older.
 */
export type Excuse = 'emptied' | 'rolled back' | 'copied' | 'memory' | 'never compared' | 'signed out'

/** Every message that was sent: what was promised of it, and what became of it. */
export class UpwardBook {
  readonly all: Map<string, SentFacts> = new Map()
  readonly met: MetMemories
  readonly ends: HandlerEnds
  readonly #world: World
  /** Committed ids by ledger and client, in the order of their numbers. */
  readonly #numbers = new Map<string, string[]>()
  /** Clients and numbers that stood for an id, in any ledger. */
  readonly #commits = new Set<string>()
  /** The order of the last message of a tab that took effect. */
  readonly #lastOrder = new Map<number, number>()
  /** Users of whom a storage went back at any time, or was copied. */
  readonly #wentBack = new Set<string>()
  /** Clients that began their numbers again, by ledger. */
  readonly #begunAgain = new Set<string>()
  /** Storages that are older copies, and no hub has heard from a server since, by browser and user. */
  readonly #uncompared = new Set<string>()

  constructor(world: World) {
    this.#world = world
    this.met = new MetMemories(world)
    this.ends = new HandlerEnds(world)
  }

  /** @param isRetry it was parked: it does not wait for what its page has not handed over yet */
  sent(tab: SimTab, message: SentMessage, channel: string, payload: Payload, isRetry: boolean): void {
    const { check, totals } = this.#world
    const { id } = message
    const facts: SentFacts = {
      id,
      tab,
      message,
      channel,
      payload,
      behind: isRetry ? this.#lastQueued(tab) : 0,
      isRetry,
      isQueued: false,
      applied: 0,
      clients: new Set(),
      rejected: 0,
      isPutAside: false,
      isMarked: false,
      sentMs: this.#world.schedule.nowMs,
      offers: 0,
      denied: null,
      isDoubtful: false,
      isForgotten: false,
      isKept: false,
      isUntellable: false,
      excuses: new Set(),
    }
    this.all.set(id, facts)
    totals.count('messages sent')
    message.queued.then(
      () => {
        if (message.fate !== 'cancelled') this.#queued(facts)
      },
      () => totals.count(`not queued: ${message.fate}`),
    )
    message.applied.then(
      (reply) => {
        // A copy may have confirmed what the server then forgot.
        if (facts.excuses.has('copied') && facts.applied === 0) return totals.count('told as applied to a copied profile')
        check.holds(facts.applied > 0, 'I10', () => `${id} is told as applied and was not`)
        check.holds(
          (reply as { id?: unknown } | undefined)?.id === id || facts.excuses.has('copied'),
          'I10',
          () => `${id} got the reply of ${JSON.stringify(reply)}`,
        )
      },
      (error: HoldfastError) => {
        const { fate } = message
        facts.isDoubtful = error.code === 'may-repeat'
        this.#world.trace('ended', tab.process.name, id, fate, error.code)
        totals.count(`ended: ${fate}`)
        // Who is told that nobody knows is told the truth.
        if (fate === 'unknown') totals.count(`told as unknown: ${facts.applied > 0 ? 'applied' : 'not applied yet'}`)
        if (['cancelled', 'failed', 'expired'].includes(fate)) {
          if (fate === 'expired') this.#holdsAge(facts)
          facts.denied = `${fate} (${error.code})`
          this.#holdsDenial(facts)
        }
        const isHonest = fate !== 'rejected' || facts.applied === 0 || facts.isMarked || facts.excuses.has('copied')
        check.holds(isHonest, 'I39', () => `${id} is rejected as ${error.code} and was applied`)
      },
    )
  }

  /** A page hands messages to a hub. */
  handedOver(messages: unknown): void {
    if (!Array.isArray(messages)) return
    for (const { id } of messages as { readonly id: string }[]) {
      const facts = this.all.get(id)
      if (facts) facts.offers++
    }
  }

  /** The handler is called with a message. */
  handled(id: string, isMarked: boolean): void {
    this.ends.begun(id)
    const facts = this.all.get(id)
    if (isMarked && facts) facts.isMarked = true
  }

  committed(ledger: string, client: string, user: string | null, { n, id, fate }: Commit): void {
    const { check, totals } = this.#world
    const numbers = this.#numbers.get(`${ledger} ${client}`) ?? []
    this.#numbers.set(`${ledger} ${client}`, numbers)
    const facts = this.all.get(id)
    // The store went back to before it had sent anything, or was copied then, and the server has given up the record of what it then sent: neither knows of that.
    const mayBeginAgain = n === 1 && facts !== undefined && this.#wentBack.has(facts.tab.user)
    if (mayBeginAgain && numbers.splice(0).length > 0) this.#begunAgain.add(`${ledger} ${client}`)
    check.holds(n === numbers.length + 1, 'I9', () => `number ${n} of ${client} committed after ${numbers.length}`)
    numbers.push(id)
    this.#commits.add(`${client} ${n} ${id}`)
    this.#world.trace('commit', client, n, id, fate?.kind ?? 'applied')
    check.holds(facts !== undefined, 'I7', () => `${id} was never sent`)
    if (!facts || fate?.kind === 'skipped') return
    this.ends.holds(id, fate)
    if (fate?.kind === 'rejected') {
      facts.rejected++
      return
    }
    facts.applied++
    totals.count('effects')
    if (facts.applied > 1 && facts.isMarked) totals.count('repeated, and marked')
    check.holds(user === facts.tab.user, 'I25', () => `${id} of ${facts.tab.user} took effect as ${user}`)
    // The server lost its memory, and the store went back to before it learnt of that: neither knows the client id in between.
    // A server may lose it before it has committed anything: it is a ledger all the same, and what was learnt from it is taken back.
    // Nor does a server know that a client was followed by another when its user left and had the outbox kept; nor what a client sent whose record it gave up.
    const hasMetAnother = facts.isKept || this.met.hasMetAnother(facts.tab.profile.name, facts.tab.user)
    const isOtherRecord = hasMetAnother && !facts.clients.has(`${ledger} ${client}`)
    const isLostTwice = facts.excuses.has('rolled back') && (isOtherRecord || this.#begunAgain.has(`${ledger} ${client}`))
    if (facts.applied > 1 && !facts.isMarked && isLostTwice) totals.count('repeated after both sides lost their memory')
    facts.clients.add(`${ledger} ${client}`)
    // What the storage did not remember to have sent was queued again when that storage was lost, too.
    const isUncompared = facts.excuses.has('never compared')
    const isAnnounced = facts.isMarked || facts.excuses.has('copied') || isLostTwice || isUncompared
    check.holds(facts.applied === 1 || isAnnounced, facts.offers > 1 ? 'I37' : 'I7', () => `${id} took effect ${facts.applied} times`)
    this.#holdsDenial(facts)
    const { tab, payload, isRetry, behind } = facts
    const isCancelled = facts.message.fate === 'cancelled' && !facts.excuses.has('rolled back') && !facts.excuses.has('copied')
    check.holds(!isCancelled, 'I6', () => `${id} was cancelled and takes effect`)
    // A copy of the storage, and an older one, hold what was deleted here.
    const isForgotten = facts.isForgotten && !facts.excuses.has('rolled back') && !facts.excuses.has('copied')
    check.holds(!isForgotten, 'I26', () => `${id} was deleted when its user left, and takes effect`)
    const last = this.#lastOrder.get(tab.number) ?? 0
    // What is doubtful may still be on its way through the server when others are sent under another client id.
    const isExcused = facts.isMarked || facts.isDoubtful || facts.excuses.size > 0
    const isInOrder = facts.applied > 1 || isRetry || payload.order > last || isExcused
    check.holds(isInOrder, 'I8', () => `message ${payload.order} of tab ${tab.number} takes effect after ${last}`)
    this.#lastOrder.set(tab.number, Math.max(last, isRetry ? behind : payload.order))
  }

  /** Whether the number of the client ever stood for the message on a server. */
  wasCommitted(client: string, n: number, id: string): boolean {
    return this.#commits.has(`${client} ${n} ${id}`)
  }

  /** Whether the server has committed something of the client, and has given up its record. */
  wasGivenUp(client: string): boolean {
    const { engine } = this.#world.server
    return (this.#numbers.get(`${engine.ledger} ${client}`) ?? []).length > 0 && engine.recordOf(client) === null
  }

  /** The store has ended messages: the app was told, or will be when it asks. */
  putAside({ contents: { stored } }: Disk): void {
    for (const id of [...(stored?.parked.keys() ?? []), ...(stored?.memory.fates.keys() ?? [])]) {
      const facts = this.all.get(id)
      if (facts) facts.isPutAside = true
    }
  }

  /** A fault is about to change what is stored of a scope. */
  excuse(profile: Profile, scope: string, why: Excuse): void {
    const user = profile.tabs.find((tab) => tab.scope === scope)?.user
    if (user !== undefined && (why === 'rolled back' || why === 'copied')) this.#wentBack.add(user)
    const notices = profile.disks.get(scope)?.contents.stored?.notices ?? []
    // Named before they are sent again: one may still be on its way to the handler.
    const named = new Set(notices.flatMap(({ event }) => event.mayRepeat))
    for (const facts of this.all.values()) {
      const { tab, applied, isMarked, excuses } = facts
      if (tab.profile !== profile || tab.scope !== scope) continue
      const key = storageOf(profile.name, tab.user)
      if (isMarked || named.has(facts.id)) facts.isUntellable = true
      if (why === 'rolled back') this.#uncompared.add(key)
      if (why === 'emptied' && excuses.has('rolled back') && this.#uncompared.has(key)) excuses.add('never compared')
      if (applied === 0 || why === 'copied' || why === 'rolled back') excuses.add(why)
    }
  }

  /** A user has left, and had these deleted before they were sent. */
  forgotten(ids: readonly string[]): void {
    for (const id of ids) {
      const facts = this.all.get(id)
      if (facts) facts.isForgotten = true
    }
  }

  /** A user has left, and had these kept under another client id. */
  kept(ids: readonly string[]): void {
    for (const id of ids) {
      const facts = this.all.get(id)
      if (facts) facts.isKept = true
    }
  }

  /** A hub has heard the answer to its hello: it knows now whether its storage is an older copy. */
  compared(profile: string, user: string | null): void {
    this.#uncompared.delete(storageOf(profile, user))
  }

  /** No jump of a clock ages anything while a hub lives; the next one goes by how the wall clock moved since the last one wrote. */
  #holdsAge({ id, sentMs, tab: { profile } }: SentFacts): void {
    const { check, schedule, settings } = this.#world
    const ageMs = schedule.nowMs - sentMs
    const { workersJumpedMs } = profile.clocks
    const isExcused = workersJumpedMs > sentMs && profile.hubBeganMs > sentMs
    const leastMs = (settings.connect.outbox?.maxAgeMs ?? 0) - 1_000
    check.holds(ageMs >= leastMs || isExcused, 'I35', () => `${id} expired ${ageMs} ms after it was sent, and may wait ${leastMs}`)
  }

  /** Nothing is told as not applied that is. */
  #holdsDenial({ id, denied, applied, excuses }: SentFacts): void {
    this.#world.check.holds(
      denied === null || applied === 0 || excuses.size > 0,
      'I39',
      () => `${id} is told as ${denied}, and was applied`,
    )
  }

  #lastQueued(tab: SimTab): number {
    const orders = [...this.all.values()].filter((facts) => facts.tab === tab && facts.isQueued).map(({ payload }) => payload.order)
    return Math.max(0, ...orders)
  }

  #queued(facts: SentFacts): void {
    const { check } = this.#world
    const { id, tab } = facts
    facts.isQueued = true
    this.#world.totals.count('messages queued')
    const isSafe = tab.disk.knows(id) || facts.applied > 0 || facts.excuses.size > 0
    const isMemory = tab.profile.liveWorkers.some((worker) => worker.isForgetful)
    if (isMemory) facts.excuses.add('memory')
    check.holds(isSafe || isMemory, 'I1', () => `${id} is told as queued and is nowhere`)
  }
}
