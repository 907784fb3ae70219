import { askPermission } from './ask-permission.ts'
import { kindOf } from './deadline.ts'
import type { Awaitable, DisconnectReason, Ending, Engine } from './engine.ts'
import { publicationKey, userKey } from './handler-run.ts'
import type { Permission, Settings } from './options.ts'
import type { Party } from './party.ts'
import type { SendOnlyDesk } from './send-only-desk.ts'
import { isId } from '../protocol/decode.ts'
import { HoldfastError, type CloseName, type Id } from '../protocol/index.ts'
import { readOptions } from '../protocol/read-options.ts'
import type { LogEntry } from '../core/ports.ts'

/** What rights need of the server. */
export interface RightsHost {
  readonly settings: Settings
  readonly engine: Engine
  readonly started: Awaitable<void>
  readonly isClosing: boolean
  readonly sendOnly: Pick<SendOnlyDesk, 'revoked'>
  log(entry: LogEntry): void
  count(name: string): void
}

/** A connection, as far as its rights go. */
export interface RightsBearer {
  /** Whom its `hello` claims to be, from the moment it was read: what ends then must not be let in a moment later. */
  readonly user: string | null
  /** The session its `hello` named, or that it was given. */
  readonly claimed: Id | undefined
  /** Ends it: what of it was not begun is not applied. */
  end(close: CloseName): void
  /** Nothing more of the channel is sent on it. */
  unsubscribe(channel: string): void
}

/** Who may do what, and whose right has ended. */
export class Rights {
  readonly #host: RightsHost
  /** Every connection whose `hello` was read. */
  readonly #bearers = new Set<RightsBearer>()
  readonly #byUser = new Map<string, Set<RightsBearer>>()

  constructor(host: RightsHost) {
    this.#host = host
  }

  /** Whether the app lets somebody read a channel. Never rejects. */
  mayRead(party: Party, channel: string): Awaitable<boolean> {
    return this.#ask(party, channel, 'subscribe', () => false)
  }

  /**
   * Whether somebody who reads a channel goes on doing so; where the app fails over that, `failed` says. Never rejects.
   */
  mayStillRead(party: Party, channel: string, failed: () => boolean): Awaitable<boolean> {
    return this.#ask(party, channel, 'subscribe', () => {
      const holds = failed()
      if (holds) this.#host.log({ level: 'error', event: 'right_held', channel })
      return holds
    })
  }

  /** Whether the app lets somebody send to a channel. Never rejects. */
  maySend(party: Party, channel: string): Awaitable<boolean> {
    return this.#ask(party, channel, 'send', () => false)
  }

  /** A `hello` was read; followed by one `leave`. */
  enter(bearer: RightsBearer): void {
    this.#bearers.add(bearer)
    const { user } = bearer
    if (user === null) return
    const others = this.#byUser.get(user)
    if (others === undefined) this.#byUser.set(user, new Set([bearer]))
    else others.add(bearer)
  }

  /** A connection is gone; one that never entered is ignored. */
  leave(bearer: RightsBearer): void {
    this.#bearers.delete(bearer)
    const { user } = bearer
    const others = user === null ? undefined : this.#byUser.get(user)
    if (user === null || others === undefined) return
    others.delete(bearer)
    if (others.size === 0) this.#byUser.delete(user)
  }

  /** Something was ended, here or on another node. */
  ended(ending: Ending): void {
    this.#host.count(`ended.${ending.type}`)
    switch (ending.type) {
      case 'unsubscribe':
        for (const bearer of this.#of(ending)) bearer.unsubscribe(ending.channel)
        break
      case 'disconnect':
        for (const bearer of this.#of(ending.of)) bearer.end(ending.close)
        break
      case 'revoke':
        if ('client' in ending) this.#host.sendOnly.revoked(ending.client)
        else for (const bearer of this.#of(ending)) bearer.end('unauthenticated')
    }
  }

  /** See `LiveServer.disconnect`. */
  async disconnect(of: string | { readonly session: Id }, close: DisconnectReason): Promise<void> {
    if (close !== 'unauthenticated' && close !== 'forbidden')
      throw new HoldfastError('invalid-data', "The reason is 'unauthenticated' or 'forbidden'.")
    if (typeof of === 'object') {
      if (of !== null) readOptions(of, { session: undefined }, 'of')
      if (!isId(of?.session)) throw new HoldfastError('invalid-data', 'A session is named by its id: { session }.')
      return this.#end({ type: 'disconnect', of: { session: of.session }, close })
    }
    return this.#end({ type: 'disconnect', of: { user: checkedUser(of) }, close })
  }

  /** See `LiveServer.unsubscribe`. */
  async unsubscribe(user: string, channel: string): Promise<void> {
    return this.#end({ type: 'unsubscribe', user: checkedUser(user), channel: publicationKey(channel) })
  }

  /** See `LiveServer.revoke`. */
  async revoke(user: string): Promise<void> {
    return this.#end({ type: 'revoke', user: checkedUser(user) })
  }

  async #end(ending: Ending): Promise<void> {
    if (this.#host.isClosing) throw new HoldfastError('closed', 'The server is closed.')
    await this.#host.started
    await this.#host.engine.end(ending)
  }

  /** A copy: who is ended leaves meanwhile. */
  #of(of: { readonly user: string } | { readonly session: Id }): RightsBearer[] {
    if ('user' in of) return [...(this.#byUser.get(of.user) ?? [])]
    return [...this.#bearers].filter(({ claimed }) => claimed === of.session)
  }

  #ask({ user, session, context }: Party, channel: string, action: Permission['action'], failed: () => boolean): Awaitable<boolean> {
    const { authorize } = this.#host.settings.hooks
    if (authorize === undefined) return true
    return askPermission(
      this.#host.settings.clock,
      () => authorize({ user, session, channel, action, context }),
      (error) => {
        this.#host.log({ level: 'error', event: 'authorize_failed', channel, error: kindOf(error) })
        return failed()
      },
    )
  }
}

function checkedUser(user: string): string {
  userKey(user)
  return user
}
