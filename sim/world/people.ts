import { EPOCH_MS } from './epoch.ts'
import type { World } from './world.ts'

/** Who may do what, and since when. */
export class People {
  readonly #world: World
  /** Users whose credentials are refused now. */
  readonly revoked: Set<string> = new Set()
  /** Users who give a credential that has expired. */
  readonly expired: Set<string> = new Set()
  lifeMs = Infinity
  /** When somebody lost a channel, and when it came back. */
  readonly #bans: { readonly user: string; readonly channel: string; readonly fromMs: number; untilMs: number }[] = []

  constructor(world: World) {
    this.#world = world
  }

  /** What a page's `token()` gives. */
  credentialOf(user: string): string | null {
    const nowMs = Math.floor(EPOCH_MS + this.#world.schedule.nowMs)
    return `${user} ${this.expired.has(user) ? nowMs - 1_000 : nowMs + this.lifeMs}`
  }

  /** The server's `authenticate`. */
  authenticate(credential: string | null): { readonly user: string; readonly expiresAtMs: number } | null {
    const [user = '', ends = ''] = (credential ?? '').split(' ')
    if (user === '' || this.revoked.has(user)) return null
    // What it was given for, by the clock of the server.
    return { user, expiresAtMs: Number(ends) + this.#world.server.clockOffMs }
  }

  /** The server's `authorize`. */
  isAllowed(user: string | null, channel: string): boolean {
    return !this.#bans.some((ban) => ban.user === user && ban.channel === channel && ban.untilMs > this.#world.schedule.nowMs)
  }

  /** Whether the user had the channel at any time between. */
  wasAllowed(user: string | null, channel: string, fromMs: number, untilMs: number): boolean {
    return !this.#bans.some((ban) => ban.user === user && ban.channel === channel && ban.fromMs < fromMs && ban.untilMs > untilMs)
  }

  /** Takes a channel from a user. @returns how to give it back */
  ban(user: string, channel: string): () => void {
    const ban = { user, channel, fromMs: this.#world.schedule.nowMs, untilMs: Infinity }
    this.#bans.push(ban)
    return () => void (ban.untilMs = this.#world.schedule.nowMs)
  }

  heal(): void {
    this.revoked.clear()
    this.expired.clear()
    for (const ban of this.#bans) ban.untilMs = Math.min(ban.untilMs, this.#world.schedule.nowMs)
  }
}
