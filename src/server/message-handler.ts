import type { Fate } from './client-record.ts'
import { HOOK_MS, isPromise, kindOf, within } from './deadline.ts'
import { encodeData } from './encode-data.ts'
import type { Awaitable, Engine, Publication } from './engine.ts'
import { HandlerRun } from './handler-run.ts'
import type { IncomingMessage, Settings } from './options.ts'
import type { Party } from './party.ts'
import type { Clock } from './ports.ts'
import { Rejected } from './rejected.ts'
import { HoldfastError } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

const TRIES = 5
const FIRST_PAUSE_MS = 100
const PAUSE_FACTOR = 4
const MAX_REJECTION_LENGTH = 2_000

/** What came of a message, to be committed with its number. */
export interface Handled {
  readonly fate: Fate
  readonly publications: readonly Publication[]
}

/** What handling needs of the server. */
export interface HandlerHost {
  readonly hook: Settings['hooks']['onMessage']
  readonly clock: Clock
  readonly messageBytes: number
  /** Whether the app lets somebody send to the channel. Never rejects. */
  maySend(party: Party, channel: string): Awaitable<boolean>
  /** Whether a channel can be published to, before the handler goes on believing so. */
  probe: Engine['probe']
  log(entry: LogEntry): void
  count(name: string): void
}

/** Runs the app's `onMessage`: at once when it answers at once, with repetitions when it fails. */
export class MessageHandler {
  readonly #host: HandlerHost
  readonly #running = new Set<HandlerRun>()
  #isStopped = false

  constructor(host: HandlerHost) {
    this.#host = host
  }

  /** Handles a message to its end; `undefined` when the server stopped first. Never rejects. */
  handle(message: IncomingMessage, party: Party): Awaitable<Handled | undefined> {
    const { hook } = this.#host
    if (hook === undefined || message.channel.startsWith('@')) return rejected('forbidden', 'not allowed')
    const allowed = this.#host.maySend(party, message.channel)
    if (isPromise(allowed))
      return allowed.then((isAllowed) => (isAllowed ? this.#tryAll(hook, message, party) : rejected('forbidden', 'not allowed')))
    return allowed ? this.#tryAll(hook, message, party) : rejected('forbidden', 'not allowed')
  }

  /** Handlers under way are told to stop, and nothing is repeated any more. */
  stop(): void {
    this.#isStopped = true
    for (const run of this.#running) run.end(new HoldfastError('closed', 'The server closes.'))
  }

  #tryAll(hook: NonNullable<Settings['hooks']['onMessage']>, message: IncomingMessage, party: Party): Awaitable<Handled | undefined> {
    const first = this.#try(hook, message, party)
    if (isPromise(first)) return first.then((handled) => handled ?? this.#repeat(hook, message, party))
    return first ?? this.#repeat(hook, message, party)
  }

  async #repeat(hook: NonNullable<Settings['hooks']['onMessage']>, message: IncomingMessage, party: Party): Promise<Handled | undefined> {
    let pauseMs = FIRST_PAUSE_MS
    for (let tries = 2; tries <= TRIES && message.durable; tries++) {
      await this.#pause(pauseMs)
      if (this.#isStopped) return undefined
      const handled = await this.#try(hook, message, party)
      if (handled !== undefined) return handled
      pauseMs *= PAUSE_FACTOR
    }
    if (this.#isStopped) return undefined
    this.#host.log({ level: 'error', event: 'message_failed', id: message.id, channel: message.channel })
    return rejected('failed', 'the handler failed')
  }

  /** One try; `undefined` when it failed. */
  #try(hook: NonNullable<Settings['hooks']['onMessage']>, message: IncomingMessage, party: Party): Awaitable<Handled | undefined> {
    const { messageBytes, clock, probe } = this.#host
    const run = new HandlerRun(party, messageBytes, probe)
    try {
      const result = hook(message, run)
      if (!isPromise(result)) return this.#succeed(run, result)
      this.#running.add(run)
      return within(clock, HOOK_MS, result, () => run.end(new HoldfastError('expired', 'The handler took too long.')))
        .then((reply) => this.#succeed(run, reply))
        .catch((error: unknown) => this.#failed(run, message, error))
    } catch (error) {
      return this.#failed(run, message, error)
    }
  }

  #succeed(run: HandlerRun, result: unknown): Handled | undefined {
    this.#running.delete(run)
    if (this.#isStopped) return undefined
    run.end()
    const fate: Fate = result === undefined ? undefined : { kind: 'applied', reply: encodeData(result, this.#host.messageBytes) }
    return { fate, publications: run.publications }
  }

  #failed(run: HandlerRun, message: IncomingMessage, error: unknown): Handled | undefined {
    this.#running.delete(run)
    run.end()
    if (error instanceof Rejected) return rejected('rejected', error.message.slice(0, MAX_REJECTION_LENGTH))
    this.#host.count('handlerFailures')
    this.#host.log({ level: 'error', event: 'handler_failed', id: message.id, channel: message.channel, error: kindOf(error) })
    return undefined
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#host.clock.setTimer(delayMs, resolve)
    })
  }
}

function rejected(reason: 'rejected' | 'failed' | 'forbidden', message: string): Handled {
  return { fate: { kind: 'rejected', reason, message }, publications: [] }
}
