import type { Id } from '../../protocol/index.ts'

/** Something that is kept for a time after its last use. */
export interface Kept {
  /** A whole number: those are kept in place, while a fraction would cost an object each. */
  usedMs: number
}

/**
 * Entries in the order of their last use. Those that a connection uses now are neither expired nor given up, however
 * long ago it began.
 */
export class KeptByUse<T extends Kept> {
  readonly #entries = new Map<Id, T>()
  readonly #isUsed: (id: Id) => boolean

  constructor(isUsed: (id: Id) => boolean) {
    this.#isUsed = isUsed
  }

  /** Entries kept. */
  get size(): number {
    return this.#entries.size
  }

  /** The entry, whatever its age. */
  get(id: Id): T | undefined {
    return this.#entries.get(id)
  }

  /** Keeps an entry that was not kept before. */
  add(id: Id, entry: T): void {
    this.#entries.set(id, entry)
  }

  /** The time to live of an entry begins anew; one that is not kept is ignored. */
  use(id: Id, nowMs: number): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.usedMs = nowMs
    this.#entries.delete(id)
    this.#entries.set(id, entry)
  }

  /** Forgets an entry. */
  delete(id: Id): void {
    this.#entries.delete(id)
  }

  /** Whether an entry has lived out its time. */
  hasExpired(id: Id, entry: T, nowMs: number, ttlMs: number): boolean {
    return nowMs - entry.usedMs >= ttlMs && !this.#isUsed(id)
  }

  /** Those that have lived out their time. */
  expired(nowMs: number, ttlMs: number): Id[] {
    const expired: Id[] = []
    for (const [id, entry] of this.#entries) if (this.hasExpired(id, entry, nowMs, ttlMs)) expired.push(id)
    return expired
  }

  /**
   * The one that nobody has used for longest. Who is passed over is in use, and goes to the end: it is not passed over
   * again the next time.
   */
  unused(nowMs: number): Id | undefined {
    const passed: Id[] = []
    let found: Id | undefined
    for (const id of this.#entries.keys()) {
      if (!this.#isUsed(id)) {
        found = id
        break
      }
      passed.push(id)
    }
    for (const id of passed) this.use(id, nowMs)
    return found
  }

  /** Forgets all. */
  clear(): void {
    this.#entries.clear()
  }
}
