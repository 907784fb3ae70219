import type { World } from '../world/world.ts'

/** What each storage has met: memories of servers, and client ids of its own. By browser and user. */
export class MetMemories {
  readonly #world: World
  readonly #ledgers = new Map<string, Set<string>>()
  readonly #clients = new Map<string, Set<string>>()

  constructor(world: World) {
    this.#world = world
  }

  /** A server answers the hello of a hub. */
  answered(profile: string, user: string | null, ledger: string): void {
    add(this.#ledgers, storageOf(profile, user), ledger)
  }

  /** A hub or a service worker says hello. */
  greeted(profile: string, user: string | null, client: string): void {
    add(this.#clients, storageOf(profile, user), client)
  }

  /** Whether more than one memory of a server has answered it, or the one that lives has no record of a client that it was. */
  hasMetAnother(profile: string, user: string | null): boolean {
    const key = storageOf(profile, user)
    const { engine } = this.#world.server
    return (this.#ledgers.get(key)?.size ?? 0) > 1 || [...(this.#clients.get(key) ?? [])].some((client) => engine.recordOf(client) === null)
  }
}

/** Names the storage of one user in one browser. */
export function storageOf(profile: string, user: string | null): string {
  return `${profile} ${user}`
}

function add(to: Map<string, Set<string>>, key: string, value: string): void {
  to.set(key, (to.get(key) ?? new Set()).add(value))
}
