import type { Ending } from '../../src/server/engine.ts'
import type { World } from '../world/world.ts'

/** A connection that the server has answered. */
export interface Answered {
  readonly wire: number
  readonly user: string | null
  readonly session: string | null
  /** Subscriptions that have their verdict, by channel. */
  readonly reads: (channel: string) => readonly number[]
}

/** Knows whose right has ended, and holds what the server says afterwards to it (RT1 to RT3). */
export class RightsBook {
  readonly #world: World
  readonly #keys = new Map<string, string>()
  readonly #connections = new Set<number>()
  readonly #subscriptions = new Set<string>()
  /** How many revocations there were with the last of a user, by ledger and user. */
  readonly #revocations = new Map<string, number>()

  constructor(world: World) {
    this.#world = world
  }

  /** The engine has told its server, which has nothing more to say from here on to those that it had answered. */
  ended(ending: Ending, ledger: string, revocations: number, answered: readonly Answered[]): void {
    if (ending.type === 'revoke' && 'client' in ending) return
    this.#world.trace('ended', JSON.stringify(ending))
    this.#world.totals.count(`rights that ended: ${ending.type}`)
    const of = ending.type === 'disconnect' ? ending.of : ending
    for (const { wire, user, session, reads } of answered) {
      if ('user' in of ? user !== of.user : session !== of.session) continue
      if (ending.type !== 'unsubscribe') this.#connections.add(wire)
      else for (const sub of reads(ending.channel)) this.#subscriptions.add(`${wire} ${sub}`)
    }
    if (ending.type === 'revoke') this.#revocations.set(`${ledger} ${ending.user}`, revocations)
  }

  /** The server says something on a connection. */
  says(wire: number, text: string): void {
    this.#world.check.holds(!this.#connections.has(wire), 'RT1', () => `wire ${wire} was ended, and hears ${text}`)
  }

  /** The server says something of a channel. */
  saysOf(wire: number, sub: number): void {
    this.#world.check.holds(!this.#subscriptions.has(`${wire} ${sub}`), 'RT2', () => `wire ${wire} hears of ${sub}, which was ended`)
  }

  /** A handler is called: a message has one key, however often and by whichever way it comes. */
  isKeyed({ id, key }: { readonly id: string; readonly key: string }): void {
    const known = this.#keys.get(id) ?? key
    this.#keys.set(id, known)
    this.#world.check.holds(known === key, 'RT7', () => `${id} has the keys ${known} and ${key}`)
  }

  /** Whether a token of the user was revoked after it was made. */
  isRevoked(ledger: string, user: string | null, revocations: number): boolean {
    return revocations < (this.#revocations.get(`${ledger} ${user}`) ?? 0)
  }
}
