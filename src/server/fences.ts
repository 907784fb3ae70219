import { Chain, Link } from './chain.ts'
import { SWEPT } from './swept.ts'
import type { Id } from '../protocol/index.ts'

interface Fence {
  readonly session: Id
  connection: number
  atMs: number
}

/** Most sessions whose newest connection number is remembered; beyond it the one noted longest ago is forgotten. */
const MAX_FENCES = 100_000

/**
 * The newest connection number of each session, for as long as an older one may still be opening. It matters only where
 * the newer connection has come and gone meanwhile: one that is there is known anyway.
 */
export class Fences {
  readonly #bySession = new Map<Id, Link<Fence>>()
  readonly #order = new Chain<Fence>()
  readonly #count: (name: string) => void

  constructor(count: (name: string) => void) {
    this.#count = count
  }

  /** Sessions that are remembered. */
  get size(): number {
    return this.#bySession.size
  }

  /** Notes the connection number of a session; false when a newer one is known. */
  note(session: Id, connection: number, nowMs: number): boolean {
    let link = this.#bySession.get(session)
    if (link === undefined) {
      link = new Link({ session, connection, atMs: nowMs })
      this.#bySession.set(session, link)
    }
    if (link.value.connection > connection) return false
    link.value.connection = connection
    link.value.atMs = nowMs
    this.#order.append(link)
    if (this.#bySession.size > MAX_FENCES) {
      this.#forgetFirst()
      this.#count('dropped.fences')
    }
    return true
  }

  /** Forgets what was noted before a time, the oldest first and not more than one sweep takes. */
  sweep(beforeMs: number): void {
    let left = SWEPT
    for (const { atMs } of this.#order) {
      if (left-- <= 0 || atMs >= beforeMs) return
      this.#forgetFirst()
    }
  }

  #forgetFirst(): void {
    const { first } = this.#order
    const link = first && this.#bySession.get(first.session)
    if (first === undefined || link === undefined) return
    this.#order.remove(link)
    this.#bySession.delete(first.session)
  }
}
