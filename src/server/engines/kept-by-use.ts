import type { Holder } from '../holder.ts'
import { Shares, type Share, type ShareLimits } from '../shares.ts'
import { SWEPT } from '../swept.ts'
import type { Id } from '../../protocol/index.ts'

/** Something that is kept for a time after its last use. */
export interface Kept {
  /** A whole number: those are kept in place, while a fraction would cost an object each. */
  usedMs: number
}

interface Entry<T> {
  readonly id: Id
  readonly kept: T
}

/** What is to be given up. */
export interface Payers {
  readonly ids: readonly Id[]
  readonly areEnough: boolean
}

/** Entries whose use has to be looked at again, at a time: their end may not have been told. */
const LOOKED_AT = 64
const LOOKED_AT_IN_SWEEP = 1_000
/** Most entries given up for another one, at a time. */
const PAYERS = 64

/**
 * Entries of one kind, within their budget. Those that a connection uses now are neither expired nor given up, however
 * long ago it began.
 */
export class KeptByUse<T extends Kept> {
  readonly #entries = new Map<Id, Share<Entry<T>>>()
  readonly #isUsed: (id: Id) => boolean
  readonly #shares: Shares<Entry<T>>

  constructor(isUsed: (id: Id) => boolean, limits: ShareLimits) {
    this.#isUsed = isUsed
    this.#shares = new Shares(limits)
  }

  /** Entries kept. */
  get size(): number {
    return this.#entries.size
  }

  /** What they take of their budget. */
  get taken(): number {
    return this.#shares.size
  }

  /** The entry, whatever its age. */
  get(id: Id): T | undefined {
    return this.#entries.get(id)?.value.kept
  }

  /** Keeps an entry that was not kept before. */
  add(id: Id, kept: T, holder: Holder, size: number): void {
    this.#entries.set(id, this.#shares.add({ id, kept }, holder, size))
  }

  /** The entry takes another part of the budget now. */
  resize(id: Id, size: number): void {
    const share = this.#entries.get(id)
    if (share !== undefined) this.#shares.resize(share, size)
  }

  /** The time to live of an entry begins anew; one that is not kept is ignored. */
  use(id: Id, nowMs: number): void {
    const share = this.#entries.get(id)
    if (share === undefined) return
    share.value.kept.usedMs = nowMs
    this.#sort(share)
  }

  /** An entry is in use; the end of that is told by `use`. */
  park(id: Id): void {
    const share = this.#entries.get(id)
    if (share !== undefined) this.#shares.use(share)
  }

  /** Forgets an entry. */
  delete(id: Id): void {
    const share = this.#entries.get(id)
    if (share === undefined) return
    this.#entries.delete(id)
    this.#shares.remove(share)
  }

  /** Whether an entry has lived out its time. */
  hasExpired(id: Id, entry: T, nowMs: number, ttlMs: number): boolean {
    return nowMs - entry.usedMs >= ttlMs && !this.#isUsed(id)
  }

  /** Those that have lived out their time, the oldest first and not more than one sweep takes. */
  expired(nowMs: number, ttlMs: number): Id[] {
    this.#lookAgain(LOOKED_AT_IN_SWEEP)
    const expired: Id[] = []
    let left = SWEPT
    for (const share of this.#shares.idle) {
      const { id, kept } = share.value
      if (left-- <= 0 || nowMs - kept.usedMs < ttlMs) break
      if (this.#isUsed(id)) this.#shares.use(share)
      else expired.push(id)
    }
    return expired
  }

  /**
   * What is to be given up so that the holder may have so much more, and whether that is enough. Forgets nothing.
   * @param but never this one
   */
  payers(holder: Holder, more: number, but?: Id): Payers {
    const payers = this.#payers(holder, more, but)
    if (payers.areEnough) return payers
    // The end of somebody's use may not have been told.
    this.#lookAgain(LOOKED_AT)
    return this.#payers(holder, more, but)
  }

  /** What is in use of whoever has to make room, where nothing else can be given up for the holder. */
  debtor(holder: Holder): Id | undefined {
    return this.#shares.payer(holder, 0) === undefined ? this.#shares.debtor(holder)?.value.id : undefined
  }

  /** Forgets all. */
  clear(): void {
    for (const id of this.#entries.keys()) this.delete(id)
  }

  #payers(holder: Holder, more: number, but: Id | undefined): Payers {
    const found = new Set<Share<Entry<T>>>()
    let freed = 0
    let over = this.#shares.over(holder, more)
    for (let before = -1; over !== undefined && before < found.size && found.size < PAYERS;) {
      before = found.size
      for (const share of this.#shares.payers(holder, over)) {
        const { id } = share.value
        if (found.has(share)) continue
        if (id === but || this.#isUsed(id)) {
          this.#shares.use(share)
          continue
        }
        found.add(share)
        freed += share.size
        if (this.#shares.over(holder, more - freed) !== over || found.size >= PAYERS) break
      }
      over = this.#shares.over(holder, more - freed)
    }
    return { ids: [...found].map(({ value }) => value.id), areEnough: over === undefined }
  }

  /** Who is in use goes where nobody looks for what can be given up. */
  #sort(share: Share<Entry<T>>): void {
    if (this.#isUsed(share.value.id)) this.#shares.use(share)
    else this.#shares.rest(share)
  }

  #lookAgain(many: number): void {
    let left = many
    for (const share of this.#shares.used) {
      if (left-- <= 0) return
      this.#sort(share)
    }
  }
}
