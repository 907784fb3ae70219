import { Account, Pool, Share } from './accounts.ts'
import { Chain } from './chain.ts'
import type { Holder } from './holder.ts'

export type { Share } from './accounts.ts'

/** How much of one kind of memory there is, and who may have how much of it. */
export interface ShareLimits {
  readonly total: number
  /** What all anonymous holders have together at most. */
  readonly anonymous: number
  /** What one holder has at most; the app itself has no such limit. */
  readonly holder: number
}

/** The percentages by which every budget is shared out. */
export interface Portions {
  readonly anonymousPercent: number
  readonly sharePercent: number
}

/** Things that everybody may have, however small the budget was made. */
const FEW = 16

/**
 * Shares out a budget. A holder may always have a few things, and nobody more than there is.
 * @param unit what the smallest thing takes
 */
export function shareLimits(total: number, unit: number, { anonymousPercent, sharePercent }: Portions): ShareLimits {
  const part = (percent: number): number => Math.min(total, Math.max(FEW * unit, Math.floor((total * percent) / 100)))
  return { total, anonymous: part(anonymousPercent), holder: part(sharePercent) }
}

/** Which limit of a budget is in the way. */
export type Limit = 'holder' | 'anonymous' | 'total'

/** From the one that pays first: nobody pays for somebody who comes before him. */
const RANKS = ['anonymous', 'user', 'app'] as const

/** Whether one pays after the other. */
export function paysAfter(one: Holder, other: Holder): boolean {
  return RANKS.indexOf(one.pool) > RANKS.indexOf(other.pool)
}

/**
 * A budget and who has what of it. A holder has no more than a share, all anonymous ones no more than a pool of their
 * own, and all together no more than the total. Where that is reached, what is not in use pays: the holder's own when
 * it is the share, otherwise that of whoever has about most, anonymous ones before users and users before the app.
 * Every call is O(1). The sizes are whatever the owner counts: things, or bytes.
 */
export class Shares<T> {
  readonly #limits: ShareLimits
  readonly #pools: { readonly [Name in Holder['pool']]: Pool<T> } = { app: new Pool(), user: new Pool(), anonymous: new Pool() }
  readonly #idle = new Chain<Share<T>>()
  readonly #used = new Chain<Share<T>>()
  #size = 0

  constructor(limits: ShareLimits) {
    this.#limits = limits
  }

  /** What all have together. */
  get size(): number {
    return this.#size
  }

  /** What is not in use, from what was used longest ago on. */
  get idle(): Iterable<Share<T>> {
    return this.#idle
  }

  /** What is in use, from what was said to be so longest ago on. */
  get used(): Iterable<Share<T>> {
    return this.#used
  }

  /** Takes a share, which is not in use yet. */
  add(value: T, holder: Holder, size: number): Share<T> {
    const share = new Share(value, this.#accountOf(holder))
    share.account.count++
    this.rest(share)
    this.resize(share, size)
    return share
  }

  /** It has another size now. */
  resize(share: Share<T>, size: number): void {
    const { account } = share
    const by = size - share.size
    if (by === 0) return
    share.size = size
    account.size += by
    account.pool.size += by
    this.#size += by
    if (share.isIdle) this.#addIdle(account, by)
    this.#place(account)
  }

  /** It is in use: it is not given up. */
  use(share: Share<T>): void {
    const { account } = share
    if (share.isIdle) this.#addIdle(account, -share.size)
    share.isIdle = false
    this.#used.append(share.order)
    account.used.append(share.own)
    this.#place(account)
  }

  /** It was in use until now. */
  rest(share: Share<T>): void {
    const { account } = share
    if (!share.isIdle) this.#addIdle(account, share.size)
    share.isIdle = true
    this.#idle.append(share.order)
    account.idle.append(share.own)
    this.#place(account)
  }

  /** Somebody else holds it now. */
  move(share: Share<T>, holder: Holder): void {
    const { account } = share
    if (account.holder.pool === holder.pool && account.holder.name === holder.name) return
    const { size, isIdle } = share
    this.remove(share)
    share.account = this.#accountOf(holder)
    share.account.count++
    this.rest(share)
    this.resize(share, size)
    if (!isIdle) this.use(share)
  }

  /** It is gone; one that was gone before is ignored. */
  remove(share: Share<T>): void {
    if (share.order.chain === undefined) return
    const { account } = share
    this.resize(share, 0)
    share.isIdle = false
    share.order.chain?.remove(share.order)
    share.own.chain?.remove(share.own)
    account.count--
    if (account.count > 0) return this.#place(account)
    account.rank.chain?.remove(account.rank)
    account.idleRank.chain?.remove(account.idleRank)
    account.pool.accounts.delete(account.holder.name)
  }

  /** Whether the holder may have so much more, when all that would have to be given up for it is. */
  canFit(holder: Holder, more: number): boolean {
    const { total, anonymous, holder: most } = this.#limits
    const account = this.#pools[holder.pool].accounts.get(holder.name)
    if (holder.pool !== 'app' && (account?.size ?? 0) - (account?.idleSize ?? 0) + more > most) return false
    const pool = this.#pools[holder.pool]
    if (holder.pool === 'anonymous' && pool.size - pool.idleSize + more > anonymous) return false
    let idle = 0
    for (const name of RANKS) {
      idle += this.#pools[name].idleSize
      if (name === holder.pool) break
    }
    return this.#size - idle + more <= total
  }

  /** Which limit is in the way of the holder having so much more. */
  over({ pool, name }: Holder, more: number): Limit | undefined {
    const { total, anonymous, holder } = this.#limits
    if (pool !== 'app' && (this.#pools[pool].accounts.get(name)?.size ?? 0) + more > holder) return 'holder'
    if (pool === 'anonymous' && this.#pools.anonymous.size + more > anonymous) return 'anonymous'
    return this.#size + more > total ? 'total' : undefined
  }

  /** What has to be given up first for it; `undefined` when nothing has to, or nothing can. */
  payer(holder: Holder, more: number): Share<T> | undefined {
    const over = this.over(holder, more)
    if (over === undefined) return undefined
    const pool = this.#pools[holder.pool]
    if (over === 'holder') return pool.accounts.get(holder.name)?.idle.first
    if (over === 'anonymous') return pool.withIdle.most?.idle.first
    for (const name of RANKS) {
      const share = this.#pools[name].withIdle.most?.idle.first
      if (share !== undefined || name === holder.pool) return share
    }
    return undefined
  }

  /** What can be given up where a limit is in the way, in the order in which it has to be. */
  *payers(holder: Holder, over: Limit): Generator<Share<T>, void> {
    const pool = this.#pools[holder.pool]
    if (over === 'holder') yield* pool.accounts.get(holder.name)?.idle ?? []
    else {
      for (const name of over === 'anonymous' ? (['anonymous'] as const) : RANKS) {
        for (const account of this.#pools[name].withIdle) yield* account.idle
        if (name === holder.pool) return
      }
    }
  }

  /**
   * Where nothing can be given up: what is in use of whoever has to make room, used longest ago first. It counts as
   * used just now from here on.
   */
  debtor(holder: Holder): Share<T> | undefined {
    const over = this.over(holder, 0)
    if (over === undefined) return undefined
    const account = this.#debtorOf(over, holder)
    const share = account?.used.first
    if (share !== undefined) account?.used.append(share.own)
    return share
  }

  #debtorOf(over: Limit, holder: Holder): Account<T> | undefined {
    const pool = this.#pools[holder.pool]
    if (over === 'holder') return pool.accounts.get(holder.name)
    if (over === 'anonymous') return pool.all.most
    for (const name of RANKS) {
      const account = this.#pools[name].all.most
      if (account !== undefined || name === holder.pool) return account
    }
    return undefined
  }

  #accountOf(holder: Holder): Account<T> {
    const pool = this.#pools[holder.pool]
    let account = pool.accounts.get(holder.name)
    if (account === undefined) {
      account = new Account(holder, pool)
      pool.accounts.set(holder.name, account)
    }
    return account
  }

  #addIdle(account: Account<T>, size: number): void {
    account.idleSize += size
    account.pool.idleSize += size
  }

  /** Who has just changed comes last among those of about its size. */
  #place(account: Account<T>): void {
    account.pool.all.place(account.size, account.rank)
    if (account.idle.first === undefined) account.idleRank.chain?.remove(account.idleRank)
    else account.pool.withIdle.place(account.size, account.idleRank)
  }
}
