import { Chain, Link } from './chain.ts'
import type { Clock } from './ports.ts'
import { RateBucket } from './rate-bucket.ts'

/** Work that may be done in one turn of the process before it counts as loaded. */
const SLICE_MS = 8
/**
 * Work for those who wait that is begun in one turn then. Few enough: Node takes one new connection in a turn.
 */
const SERVED_MS = 2
/** How long it counts as loaded after that. */
const LOADED_MS = 1_000
/** What is done for one reader at a time, where it has so much. */
const RUN_MS = 1
/** Lead of one half over the other that is made up for. */
const MAX_LEAD_MS = 100
/** Readers that are looked at in one turn. */
const RUNS = 16
/** What a holder may use before others go first: of each second, and at once. */
const LIGHT_MS_PER_SECOND = 4
const LIGHT_BURST_MS = 20

/** Accounts that are remembered; beyond it the oldest of which nothing waits is forgotten. */
const MAX_ACCOUNTS = 10_000

/** The holder whose account is that of all who are not known yet. */
export const NOBODY = ''

/** Somebody for whom something is to be done. */
export interface Reader {
  /** Whose time it takes; empty as long as that is not known. */
  readonly holder: string
  /** Its turn has come: it asks again before each thing it does. */
  go(): void
}

/** One holder's time, and who waits for some of it. */
class Account {
  readonly readers = new Chain<Reader>()
  readonly place: Link<Account> = new Link<Account>(this)
  readonly holder: string
  readonly used: RateBucket

  constructor(holder: string, nowMs: number) {
    this.holder = holder
    this.used = new RateBucket(LIGHT_MS_PER_SECOND, LIGHT_BURST_MS, nowMs)
  }
}

/** What is under way for a reader. */
interface Run {
  readonly reader: Reader
  readonly account: Account
  readonly sinceMs: number
  hasBegun: boolean
}

/**
 * Shares the time of the process. While there is enough, everything is done at once. When a turn takes too long, what
 * comes waits, and is done in small runs, a few in each turn: first for those who have used little, then for the others
 * in rounds. So who sends little waits for nobody who sends much, and nothing waits for all of it.
 */
export class FairTurns {
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()
  /** Those with somebody who waits. */
  readonly #light = new Chain<Account>()
  readonly #heavy = new Chain<Account>()
  readonly #unknown = new Chain<Account>()
  readonly #nobody: Account
  readonly #waiting = new Map<Reader, { readonly link: Link<Reader>; readonly account: Account }>()
  #turnAtMs: number | undefined
  #loadedUntilMs = -Infinity
  #isScheduled = false
  /** How much more time those had who are not known than those who have used much; what was long ago does not count. */
  #lead = 0
  #run: Run | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#nobody = new Account(NOBODY, clock.nowMs())
  }

  /** Readers that wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Whether the reader may do one thing now. If not, its {@link Reader.go} is called when it may. */
  mayGo(reader: Reader): boolean {
    const nowMs = this.#clock.nowMs()
    const run = this.#run
    if (run?.reader === reader) {
      if (!run.hasBegun || nowMs - run.sinceMs < RUN_MS) return (run.hasBegun = true)
    } else if (this.#waiting.size === 0 && !this.#isLoaded(nowMs)) return true
    this.#wait(reader, nowMs)
    return false
  }

  /** The reader has gone. */
  leave(reader: Reader): void {
    const waits = this.#waiting.get(reader)
    if (waits === undefined) return
    const { account, link } = waits
    this.#waiting.delete(reader)
    account.readers.remove(link)
    if (account.readers.first === undefined) account.place.chain?.remove(account.place)
  }

  /** Resolves when something may be done for that holder, at best at once (`undefined`). */
  turnOf(holder: string): Promise<void> | undefined {
    let resolve = (): void => {}
    const reader: Reader = { holder, go: () => this.mayGo(reader) && resolve() }
    if (this.mayGo(reader)) return undefined
    return new Promise((resolved) => (resolve = resolved))
  }

  #isLoaded(nowMs: number): boolean {
    if (nowMs < this.#loadedUntilMs) return true
    if (this.#turnAtMs === undefined) {
      this.#turnAtMs = nowMs
      this.#clock.soon(() => {
        // What came of it belongs to the turn: promises, and what others did meanwhile.
        this.#isLoaded(this.#clock.nowMs())
        this.#turnAtMs = undefined
      })
    }
    if (nowMs - this.#turnAtMs <= SLICE_MS) return false
    this.#loadedUntilMs = nowMs + LOADED_MS
    return true
  }

  #wait(reader: Reader, nowMs: number): void {
    if (this.#waiting.has(reader)) return
    const account = this.#accountOf(reader.holder, nowMs)
    const link = new Link(reader)
    account.readers.append(link)
    this.#waiting.set(reader, { link, account })
    if (account.place.chain === undefined) this.#line(account, nowMs).append(account.place)
    this.#schedule()
  }

  #accountOf(holder: string, nowMs: number): Account {
    if (holder === NOBODY) return this.#nobody
    let account = this.#accounts.get(holder)
    if (account !== undefined) return account
    if (this.#accounts.size >= MAX_ACCOUNTS) this.#forgetOldest()
    account = new Account(holder, nowMs)
    this.#accounts.set(holder, account)
    return account
  }

  /** One of which something waits counts as the youngest instead: it must not keep the others from being forgotten. */
  #forgetOldest(): void {
    const [oldest] = this.#accounts.values()
    if (oldest === undefined) return
    this.#accounts.delete(oldest.holder)
    if (oldest.readers.first !== undefined) this.#accounts.set(oldest.holder, oldest)
  }

  #line(account: Account, nowMs: number): Chain<Account> {
    if (account === this.#nobody) return this.#unknown
    return account.used.owedMs(nowMs, 0) === 0 ? this.#light : this.#heavy
  }

  /** Pairs of callbacks in one phase of the loop: what promises do in between is part of the run. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    const sinceMs = { turn: Infinity }
    for (let at = 0; at < RUNS; at++) {
      this.#clock.soon(() => {
        const nowMs = this.#clock.nowMs()
        sinceMs.turn = Math.min(sinceMs.turn, nowMs)
        if (nowMs - sinceMs.turn < SERVED_MS) this.#begin(nowMs)
      })
      this.#clock.soon(() => this.#end())
    }
    this.#clock.soon(() => {
      this.#isScheduled = false
      if (this.#waiting.size > 0) this.#schedule()
    })
  }

  /** Of those who have used much and those who are not known, whose turn it is: either half has half of the time. */
  #next(): Account | undefined {
    if (this.#lead > 0) return this.#heavy.takeFirst() ?? this.#unknown.takeFirst()
    return this.#unknown.takeFirst() ?? this.#heavy.takeFirst()
  }

  #begin(nowMs: number): void {
    const account = this.#light.takeFirst() ?? this.#next()
    const reader = account?.readers.takeFirst()
    if (account === undefined || reader === undefined) return
    this.#waiting.delete(reader)
    this.#loadedUntilMs = nowMs + LOADED_MS
    this.#run = { reader, account, sinceMs: nowMs, hasBegun: false }
    reader.go()
  }

  #end(): void {
    if (this.#run === undefined) return
    const { account, sinceMs } = this.#run
    this.#run = undefined
    const nowMs = this.#clock.nowMs()
    const usedMs = nowMs - sinceMs
    account.used.spend(usedMs, nowMs, 0)
    const lead = this.#lead + (account === this.#nobody ? usedMs : account.used.owedMs(nowMs, 0) > 0 ? -usedMs : 0)
    this.#lead = Math.min(MAX_LEAD_MS, Math.max(-MAX_LEAD_MS, lead))
    // Behind the others of its kind, be it the same reader or the next of the account that waits.
    if (account.readers.first !== undefined) this.#line(account, nowMs).append(account.place)
  }
}
