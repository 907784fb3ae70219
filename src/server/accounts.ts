import { Chain, Link } from './chain.ts'
import type { Holder } from './holder.ts'

/** Something that takes memory, as its budget knows it. */
export class Share<T> {
  readonly value: T
  /** @internal */
  size = 0
  /** @internal */
  account: Account<T>
  /** Whether nobody uses it: it may be given up. */
  isIdle = false
  /** @internal The place among what its holder has, of what nobody uses or of what is in use. */
  readonly own: Link<Share<T>> = new Link(this)
  /** @internal The place among what all have. */
  readonly order: Link<Share<T>> = new Link(this)

  constructor(value: T, account: Account<T>) {
    this.value = value
    this.account = account
  }
}

/** What one holder has. */
export class Account<T> {
  readonly holder: Holder
  readonly pool: Pool<T>
  readonly idle: Chain<Share<T>> = new Chain()
  readonly used: Chain<Share<T>> = new Chain()
  size = 0
  idleSize = 0
  count = 0
  /** The place among those of about its size, and among those of them that have something idle. */
  readonly rank: Link<Account<T>> = new Link(this)
  readonly idleRank: Link<Account<T>> = new Link(this)

  constructor(holder: Holder, pool: Pool<T>) {
    this.holder = holder
    this.pool = pool
  }
}

/** Holders by the power of two that their size is in: whoever has the most is found without looking at all. */
class Ranking<T> {
  readonly #chains: Chain<Account<T>>[] = []

  get most(): Account<T> | undefined {
    for (let at = this.#chains.length - 1; at >= 0; at--) {
      const account = this.#chains[at]?.first
      if (account !== undefined) return account
    }
    return undefined
  }

  /** From the ones that have most on. */
  *[Symbol.iterator](): Generator<Account<T>, void> {
    for (let at = this.#chains.length - 1; at >= 0; at--) yield* this.#chains[at] ?? []
  }

  place(size: number, link: Link<Account<T>>): void {
    const at = Math.ceil(Math.log2(size + 1))
    while (this.#chains.length <= at) this.#chains.push(new Chain())
    this.#chains[at]?.append(link)
  }
}

/** The holders of one kind. */
export class Pool<T> {
  readonly accounts: Map<string, Account<T>> = new Map()
  readonly all: Ranking<T> = new Ranking()
  readonly withIdle: Ranking<T> = new Ranking()
  size = 0
  idleSize = 0
}
