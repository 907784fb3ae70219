import type { Awaitable, Engine, Refusal } from './engine.ts'
import type { Flusher } from './flusher.ts'
import { isPromise } from './deadline.ts'
import { SharedChannel } from './shared-channel.ts'
import type { Outbound } from './outbound.ts'
import type { Receiver } from './receiver.ts'
import type { ChannelLog } from './channel-log.ts'

/** The channels that somebody on this server reads. */
export class Channels {
  readonly #engine: Engine
  readonly #flusher: Flusher
  readonly #chunkBytes: number
  readonly #shared = new Map<string, SharedChannel>()
  /** Who reads or is about to read a channel; the engine keeps its log up to date for as long. */
  readonly #holds = new Map<string, number>()

  /** @param chunkBytes what one chunk of a log may hold, so that it fits a frame */
  constructor(engine: Engine, flusher: Flusher, chunkBytes: number) {
    this.#chunkBytes = chunkBytes
    this.#engine = engine
    this.#flusher = flusher
  }

  /** Channels read now. */
  get size(): number {
    return this.#shared.size
  }

  /** Opens a channel's log; each success is followed by one `leave`. */
  open(key: string): Awaitable<SharedChannel | Refusal> {
    this.#holds.set(key, (this.#holds.get(key) ?? 0) + 1)
    const failed = (error: unknown): never => {
      this.#release(key)
      throw error
    }
    try {
      const log = this.#engine.open(key)
      return isPromise(log) ? log.then((opened) => this.#opened(key, opened), failed) : this.#opened(key, log)
    } catch (error) {
      return failed(error)
    }
  }

  /** Ends one hold of a channel. */
  leave(shared: SharedChannel, receiver: Receiver): void {
    shared.readers.delete(receiver)
    this.#release(shared.key)
  }

  /**
   * A log has changed. What was published in one turn leaves together, but not later than a chunk is full or half of
   * the history is used up: a
   * burst must not trim what receivers with an open socket have not had a chance to read.
   */
  changed(key: string): void {
    const shared = this.#shared.get(key)
    if (shared === undefined) return
    this.#flusher.changed(shared)
    if (shared.hasBurst()) this.#flusher.run(true)
  }

  /** A receiver of this outbound was let in or goes on. */
  wake(outbound: Outbound): void {
    this.#flusher.mark(outbound)
  }

  /** Has every receiver's place checked, though nothing was published. */
  recheck(): void {
    for (const shared of this.#shared.values()) this.#flusher.changed(shared)
  }

  #opened(key: string, log: ChannelLog | Refusal): SharedChannel | Refusal {
    if (typeof log === 'string') {
      this.#release(key)
      return log
    }
    let shared = this.#shared.get(key)
    if (shared === undefined) {
      shared = new SharedChannel(key, log, this.#chunkBytes)
      this.#shared.set(key, shared)
    }
    return shared
  }

  #release(key: string): void {
    const holds = (this.#holds.get(key) ?? 1) - 1
    if (holds > 0) {
      this.#holds.set(key, holds)
      return
    }
    this.#holds.delete(key)
    this.#shared.delete(key)
    this.#engine.release(key)
  }
}
