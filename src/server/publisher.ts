import { encodeData } from './encode-data.ts'
import type { Awaitable, Engine } from './engine.ts'
import { isPromise, kindOf } from './deadline.ts'
import { refusedChannel } from './refused-channel.ts'
import { HoldfastError, type Cursor } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

/** What publishing needs of the server. */
export interface PublisherHost {
  readonly engine: Pick<Engine, 'publish'>
  /** Resolves when the engine has started. */
  readonly started: Awaitable<void>
  readonly messageBytes: number
  /** Whether the log says so already. */
  hasTold(error: unknown): boolean
  log(entry: LogEntry): void
}

/** Publishes what the app itself has to say. */
export class Publisher {
  readonly #host: PublisherHost
  #isOver = false

  constructor(host: PublisherHost) {
    this.#host = host
  }

  /** From now on everything is refused as `closed`. */
  end(): void {
    this.#isOver = true
  }

  /**
   * Appends to a log. Whoever awaits it hears of a failure. Whoever does not reads it in the log: it must not end the
   * process, which may be in the middle of its drain.
   */
  publish(key: () => string, data: unknown): Promise<Cursor> {
    const published = this.#publish(key, data)
    published.catch((error: unknown) => {
      if (this.#host.hasTold(error)) return
      if (this.#isOver) this.#host.log({ level: 'info', event: 'publish_after_close' })
      else this.#host.log({ level: 'error', event: 'publish_failed', error: kindOf(error) })
    })
    return published
  }

  async #publish(key: () => string, data: unknown): Promise<Cursor> {
    const { started, engine, messageBytes } = this.#host
    this.#refuseWhenOver()
    if (isPromise(started)) await started
    this.#refuseWhenOver()
    const published = await engine.publish([{ key: key(), data: encodeData(data, messageBytes) }])
    if (typeof published === 'string') throw refusedChannel(published)
    const [cursor] = published
    if (cursor === undefined) throw new HoldfastError('protocol', 'The engine gave no place of what it published.')
    return cursor
  }

  #refuseWhenOver(): void {
    if (this.#isOver) throw new HoldfastError('closed', 'The server is closed.')
  }
}
