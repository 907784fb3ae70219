import type { Engine } from './engine.ts'
import { HOOK_MS, isPromise, kindOf, within } from './deadline.ts'
import { KeyedRate } from './keyed-rate.ts'
import type { ContextOf, Loose, Settings } from './options.ts'
import { makeOutboxToken, readOutboxToken } from './outbox-token.ts'
import type { Party } from './party.ts'
import type { CloseName, Hello, Id } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

/** What the desk needs of the server. */
export interface SendOnlyHost {
  readonly settings: Settings
  readonly engine: Engine
  count(name: string): void
  log(entry: LogEntry): void
}

/** A connection that only sends, as the desk sees it. */
export interface Guest {
  /** Its token is worth nothing any more: what of it was not begun is not applied. */
  end(close: CloseName): void
}

/** A connection was let in: it is followed by one `leave`. */
export interface Pass {
  /**
   * Whether its token was revoked before, and what the app says of it: the `context` for its hooks, or how it is to be
   * closed. What is revoked from here on is told to the guest. Rejects where the engine fails.
   */
  ask(): Promise<{ readonly context: Party['context'] } | CloseName>
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

  /** What lets a client send later; `null` where the server wants that of nobody. */
  tokenFor(client: Id, user: string | null, credentialEndsAtMs: number): string | null {
    const { settings, engine } = this.#host
    if (settings.sendOnly === false) return null
    const mayWaitMs = settings.clock.wallMs() + settings.sessions.clientTtlMs
    const endsAtMs = Math.floor(settings.sendOnly === true ? mayWaitMs : Math.min(mayWaitMs, credentialEndsAtMs))
    return makeOutboxToken(engine.secret, { client, user, endsAtMs, revocations: engine.revocations })
  }

  /** Lets a connection in by the token in its `hello`, or says how it is to be closed. The engine has started. */
  enter(token: string, { client, user }: Pick<Hello, 'client' | 'user'>, guest: Guest): Pass | CloseName {
    const { settings, engine } = this.#host
    const { clock, limits } = settings
    const grant = settings.sendOnly === false ? null : readOutboxToken(engine.secret, token)
    if (grant?.client !== client || clock.wallMs() >= grant.endsAtMs) return this.#refuse('token', 'unauthenticated')
    if (grant.user !== user) return this.#refuse('token', 'wrongUser')
    const key = keyOf(client, user)
    if (!this.#rate.take(key, clock.nowMs())) return this.#refuse('rate', 'rate')
    if (this.#guests.size >= limits.sendOnly || this.#guests.has(key)) return this.#refuse('busy', 'busy')
    this.#guests.set(key, { client, guest })
    return {
      ask: async () => {
        const revokedAt = await engine.revokedAt(client, user)
        return grant.revocations < revokedAt ? this.#refuse('token', 'unauthenticated') : this.#ask(user, client)
      },
      leave: () => {
        this.#guests.delete(key)
        engine.touch([], [client])
      },
    }
  }

  /** The tokens of a client were revoked, here or on another node. */
  revoked(client: Id): void {
    for (const one of this.#guests.values()) if (one.client === client) one.guest.end('unauthenticated')
  }

  /** Ends the connection of this client and user, if there is one: what of it was not begun is not applied. */
  end(client: Id, user: string | null): void {
    this.#guests.get(keyOf(client, user))?.guest.end('unauthenticated')
  }

  /** Forgets rates whose time has passed. */
  sweep(nowMs: number): void {
    this.#rate.sweep(nowMs)
  }

  async #ask(user: string | null, client: Id): Promise<{ readonly context: Party['context'] } | CloseName> {
    const { authorizeOutbox } = this.#host.settings.hooks
    if (authorizeOutbox === undefined) return { context: null }
    try {
      const asked = authorizeOutbox({ user, client })
      const answer: unknown = isPromise(asked) ? await within(this.#host.settings.clock, HOOK_MS, asked) : asked
      if (answer === true) return { context: null }
      return isContext(answer) ? { context: answer } : this.#refuse('forbidden', 'forbidden')
    } catch (error) {
      // Nobody knows whether it may: it is to come again.
      this.#host.log({ level: 'error', event: 'authorize_outbox_failed', error: kindOf(error) })
      return this.#refuse('failed', 'internal')
    }
  }

  #refuse<T>(why: string, answer: T): T {
    this.#host.count(`refused.sendOnly.${why}`)
    return answer
  }
}

function keyOf(client: Id, user: string | null): string {
  return JSON.stringify([client, user])
}

function isContext(answer: unknown): answer is ContextOf<Loose> {
  return typeof answer === 'object' && answer !== null
}
