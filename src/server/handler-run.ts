import { encodeData } from './encode-data.ts'
import { userChannelKey, type Engine, type Publication } from './engine.ts'
import type { ContextOf, Loose, MessageContext } from './options.ts'
import type { Party } from './party.ts'
import { refusedChannel } from './refused-channel.ts'
import { HoldfastError, isChannelName, type Id } from '../protocol/index.ts'

/** One call of the app's `onMessage`: collects what it publishes, until it ends. */
export class HandlerRun implements MessageContext<Loose> {
  readonly user: string | null
  readonly session: Id | null
  readonly context: ContextOf<Loose> | null
  readonly #messageBytes: number
  readonly #probe: Engine['probe']
  /** Channels that would be made with what is published. */
  #fresh: Set<string> | undefined
  #publications: Publication[] = []
  #abort: AbortController | undefined
  #hasEnded = false
  #reason: unknown

  constructor({ user, session, context }: Party, messageBytes: number, probe: Engine['probe']) {
    this.user = user
    this.session = session
    this.context = context
    this.#messageBytes = messageBytes
    this.#probe = probe
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#reason !== undefined) this.#abort.abort(this.#reason)
    return this.#abort.signal
  }

  /** What was published so far. */
  get publications(): readonly Publication[] {
    return this.#publications
  }

  /** Bound, since handlers take the context apart. */
  readonly publish = (channel: string, data: unknown): void => this.#add(publicationKey(channel), data)

  /** Bound, like `publish`. */
  readonly sendToUser = (user: string, data: unknown): void => this.#add(userKey(user), data)

  /** The handler is over; with a reason it is told so through its signal. */
  end(reason?: HoldfastError): void {
    this.#hasEnded = true
    if (reason === undefined) return
    this.#reason = reason
    this.#abort?.abort(reason)
  }

  #add(key: string, data: unknown): void {
    if (this.#hasEnded) throw new HoldfastError('closed', 'The handler has ended: what it publishes now could not commit with its message.')
    const publication = { key, data: encodeData(data, this.#messageBytes) }
    if (!this.#fresh?.has(key)) {
      const found = this.#probe(key, this.#fresh?.size ?? 0)
      if (found === 'new') (this.#fresh ??= new Set()).add(key)
      else if (found !== 'known') throw refusedChannel(found)
    }
    this.#publications.push(publication)
  }
}

/** The log key of a channel that the app names. Throws `invalid-data` for what is no channel name. */
export function publicationKey(channel: string): string {
  if (typeof channel !== 'string' || !isChannelName(channel) || channel.startsWith('@')) {
    throw new HoldfastError(
      'invalid-data',
      'A channel name has 1 to 200 characters of A-Z a-z 0-9 _ . : / @ + = ~ - without "..", and does not begin with @.',
    )
  }
  return channel
}

/** The log key of a user that the app names. Throws `invalid-data` for what is no user. */
export function userKey(user: string): string {
  if (typeof user !== 'string' || user.length < 1 || user.length > 256)
    throw new HoldfastError('invalid-data', 'A user is a string of 1 to 256 characters.')
  return userChannelKey(user)
}
