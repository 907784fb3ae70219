import type { Fate } from './client-record.ts'
import { HOOK_MS, isPromise, within } from './deadline.ts'
import { tryEncode } from './encode-data.ts'
import type { Awaitable, Engine, Publication } from './engine.ts'
import { errorFacts, someCause } from './error-facts.ts'
import { HandlerRun } from './handler-run.ts'
import type { Holder } from './holder.ts'
import type { IncomingMessage, Settings } from './options.ts'
import type { Party } from './party.ts'
import type { Clock } from './ports.ts'
import { isRejected } from './rejected.ts'
import { HoldfastError } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

const TRIES = 5
const FIRST_PAUSE_MS = 100
const PAUSE_FACTOR = 4
const MAX_REJECTION_LENGTH = 2_000
/** What `publish` throws, of the handler's context and of the server, for what it will never take. */
const UNPUBLISHABLE: ReadonlySet<string> = new Set(
  ['invalid-data', 'message-too-large', 'invalid-option'].map((code) => `HoldfastError ${code}`),
)

/** What came of a message, to be committed with its number. */
export interface Handled {
  readonly fate: Fate
  readonly publications: readonly Publication[]
}

/** Who sent a message. */
export interface MessageSource {
  readonly party: Party
  /** Whose share what it makes the server keep takes. */
  readonly holder: Holder
}

/** What handling needs of the server. */
export interface HandlerHost {
  readonly hook: Settings['hooks']['onMessage']
  readonly clock: Clock
  readonly messageBytes: number
  /** Whether the app lets somebody send to the channel. Never rejects. */
  maySend(party: Party, channel: string): Awaitable<boolean>
  /** Whether a channel can be published to by somebody, before the handler goes on believing so. */
  probe: Engine['probe']
  log(entry: LogEntry): void
  count(name: string): void
}

/** Runs the app's `onMessage`: at once when it answers at once, with repetitions when it fails. */
export class MessageHandler {
  readonly #host: HandlerHost
  readonly #running = new Set<HandlerRun>()
  /** Messages under way, between their tries, too. */
  readonly #open = new Set<PromiseLike<unknown>>()
  #isStopped = false

  constructor(host: HandlerHost) {
    this.#host = host
  }

  /** Handles a message to its end; `undefined` when the server stopped first. Never rejects. */
  handle(message: IncomingMessage, source: MessageSource): Awaitable<Handled | undefined> {
    const handled = this.#handle(message, source)
    if (isPromise(handled)) {
      this.#open.add(handled)
      void handled.then(() => this.#open.delete(handled))
    }
    return handled
  }

  /** Resolves when nothing is under way that is now, and whoever waited for it has gone on. */
  async whenIdle(): Promise<void> {
    await Promise.all(this.#open)
  }

  #handle(message: IncomingMessage, source: MessageSource): Awaitable<Handled | undefined> {
    const { hook } = this.#host
    if (hook === undefined || message.channel.startsWith('@')) return rejected('forbidden', 'not allowed')
    const allowed = this.#host.maySend(source.party, message.channel)
    if (isPromise(allowed))
      return allowed.then((isAllowed) => (isAllowed ? this.#tryAll(hook, message, source) : rejected('forbidden', 'not allowed')))
    return allowed ? this.#tryAll(hook, message, source) : rejected('forbidden', 'not allowed')
  }

  /** Handlers under way are told to stop, and nothing is repeated any more. */
  stop(): void {
    this.#isStopped = true
    for (const run of this.#running) run.end(new HoldfastError('closed', 'The server closes.'))
  }

  #tryAll(
    hook: NonNullable<Settings['hooks']['onMessage']>,
    message: IncomingMessage,
    source: MessageSource,
  ): Awaitable<Handled | undefined> {
    const first = this.#try(hook, message, source)
    if (isPromise(first)) return first.then((handled) => handled ?? this.#repeat(hook, message, source))
    return first ?? this.#repeat(hook, message, source)
  }

  async #repeat(
    hook: NonNullable<Settings['hooks']['onMessage']>,
    message: IncomingMessage,
    source: MessageSource,
  ): Promise<Handled | undefined> {
    let pauseMs = FIRST_PAUSE_MS
    for (let tries = 2; tries <= TRIES && message.durable; tries++) {
      await this.#pause(pauseMs)
      if (this.#isStopped) return undefined
      const handled = await this.#try(hook, message, source)
      if (handled !== undefined) return handled
      pauseMs *= PAUSE_FACTOR
    }
    if (this.#isStopped) return undefined
    this.#host.log({ level: 'error', event: 'message_failed', id: message.id, channel: message.channel })
    return rejected('failed', 'the handler failed')
  }

  /** One try; `undefined` when it failed. */
  #try(hook: NonNullable<Settings['hooks']['onMessage']>, message: IncomingMessage, source: MessageSource): Awaitable<Handled | undefined> {
    const { messageBytes, clock } = this.#host
    const run = new HandlerRun(source.party, messageBytes, (key, others) => this.#probe(key, others, source.holder))
    let result: unknown
    try {
      result = hook(message, run)
    } catch (error) {
      return this.#failed(run, message, error)
    }
    if (!isPromise(result)) return this.#ran(run, message, result)
    this.#running.add(run)
    return within(clock, HOOK_MS, result, () => run.end(new HoldfastError('expired', 'The handler took too long.'))).then(
      (reply) => this.#ran(run, message, reply),
      (error: unknown) => this.#failed(run, message, error),
    )
  }

  #probe(key: string, others: number, holder: Holder): ReturnType<Engine['probe']> {
    const found = this.#host.probe(key, others, holder)
    if (found === 'no-room') this.#host.count('refused.channels')
    return found
  }

  /** The handler has returned: whatever is wrong with its reply, its work is done and must not be done again. */
  #ran(run: HandlerRun, message: IncomingMessage, reply: unknown): Handled | undefined {
    this.#running.delete(run)
    if (this.#isStopped) return undefined
    run.end()
    return { fate: message.durable ? this.#fateOf(message, reply) : undefined, publications: run.publications }
  }

  #fateOf({ id, channel }: IncomingMessage, reply: unknown): Fate {
    if (reply === undefined) return undefined
    const encoded = tryEncode(reply, this.#host.messageBytes)
    if ('text' in encoded) return { kind: 'applied', reply: encoded.text }
    const { why } = encoded
    this.#host.count(`repliesLost.${why}`)
    this.#host.log({ level: 'error', event: 'reply_lost', id, channel, why })
    return { kind: 'unreplied', why }
  }

  #failed(run: HandlerRun, { id, channel }: IncomingMessage, error: unknown): Handled | undefined {
    this.#running.delete(run)
    run.end()
    if (this.#isStopped) return undefined
    const { kind, message } = errorFacts(error)
    if (isRejected(error)) return rejected('rejected', message.slice(0, MAX_REJECTION_LENGTH))
    this.#host.count('handlerFailures')
    this.#host.log({ level: 'error', event: 'handler_failed', id, channel, error: kind })
    return isUnpublishable(error) ? rejected('unpublishable', 'what the handler publishes cannot be published') : undefined
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#host.clock.setTimer(delayMs, resolve)
    })
  }
}

/**
 * Whether the handler failed over what it publishes: the same at every repetition. Where there is no room for a channel
 * there may be some later.
 */
function isUnpublishable(error: unknown): boolean {
  return someCause(error, ({ kind }) => UNPUBLISHABLE.has(kind))
}

function rejected(reason: 'rejected' | 'failed' | 'unpublishable' | 'forbidden', message: string): Handled {
  return { fate: { kind: 'rejected', reason, message }, publications: [] }
}
