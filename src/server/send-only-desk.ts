import type { Awaitable, Engine } from './engine.ts'
import { isPromise } from './deadline.ts'
import { KeyedRate } from './keyed-rate.ts'
import type { Settings } from './options.ts'
import { readOutboxToken } from './outbox-token.ts'
import type { CloseName, Hello, Id } from '../protocol/index.ts'

/** What the desk needs of the server. */
export interface SendOnlyHost {
  readonly settings: Settings
  readonly engine: Engine
  count(name: string): void
}

/** A connection that only sends, as the desk sees it. */
export interface Guest {
  /** Its token is worth nothing any more: what of it was not begun is not applied. */
  revoke(): void
}

/** A connection was let in: it is followed by one `leave`. */
export interface Pass {
  /** Whether its token was revoked before. What is revoked from here on is told to the guest. */
  isRevoked(): Awaitable<boolean>
  leave(): void
}

/** Clients that send on the strength of an outbox token: whose token is good, and how many of them there may be. */
export class SendOnlyDesk {
  readonly #host: SendOnlyHost
  readonly #rate: KeyedRate
  /** By client and user: who uses another user's client id keeps nobody out. */
  readonly #guests = new Map<string, { readonly client: Id; readonly guest: Guest }>()

  constructor(host: SendOnlyHost) {
    this.#host = host
    this.#rate = new KeyedRate(host.settings.limits.sendOnlyPerMinute, (name) => host.count(name))
  }

  /** Clients that are let in now. */
  get size(): number {
    return this.#guests.size
  }

  /** Lets a connection in by the token in its `hello`, or says how it is to be closed. The engine has started. */
  enter(token: string, { client, user }: Pick<Hello, 'client' | 'user'>, guest: Guest): Pass | CloseName {
    const { settings, engine } = this.#host
    const { clock, limits, sessions } = settings
    const grant = settings.sendOnly ? readOutboxToken(engine.secret, token) : null
    // A wall clock that went back says nothing of a token's age.
    if (grant?.client !== client || clock.wallMs() - grant.issuedAtMs >= sessions.clientTtlMs)
      return this.#refuse('token', 'unauthenticated')
    if (grant.user !== user) return this.#refuse('token', 'wrongUser')
    const key = keyOf(client, user)
    if (!this.#rate.take(key, clock.nowMs())) return this.#refuse('rate', 'rate')
    if (this.#guests.size >= limits.sendOnly || this.#guests.has(key)) return this.#refuse('busy', 'rate')
    this.#guests.set(key, { client, guest })
    return {
      isRevoked: () => {
        const revokedAt = engine.revokedAt(client)
        const isOlder = (at: number): boolean => grant.revocations < at && this.#refuse('token', true)
        return isPromise(revokedAt) ? revokedAt.then(isOlder) : isOlder(revokedAt)
      },
      leave: () => {
        this.#guests.delete(key)
        engine.touch([], [client])
      },
    }
  }

  /** The tokens of a client were revoked, here or on another node. */
  revoked(client: Id): void {
    for (const one of this.#guests.values()) if (one.client === client) one.guest.revoke()
  }

  /** Ends the connection of this client and user, if there is one: what of it was not begun is not applied. */
  end(client: Id, user: string | null): void {
    this.#guests.get(keyOf(client, user))?.guest.revoke()
  }

  /** Forgets rates whose time has passed. */
  sweep(nowMs: number): void {
    this.#rate.sweep(nowMs)
  }

  #refuse<T>(why: string, answer: T): T {
    this.#host.count(`refused.sendOnly.${why}`)
    return answer
  }
}

function keyOf(client: Id, user: string | null): string {
  return JSON.stringify([client, user])
}
