import { HOOK_MS, isPromise, kindOf, within } from './deadline.ts'
import { encodeData } from './encode-data.ts'
import type { LiveServerOptions } from './options.ts'
import type { Clock } from './ports.ts'
import type { SharedChannel } from './shared-channel.ts'
import type { Cursor } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

/** A call of the app's `snapshot` hook. */
export interface Flight {
  /** The head that was read before the call: the value holds everything up to it. */
  readonly head: Cursor
  /** The value as JSON text; `undefined` when the channel has none. Rejects when the hook fails. */
  readonly value: Promise<string | undefined>
}

/** What snapshots need of the server. */
export interface SnapshotsHost {
  readonly hook: LiveServerOptions['snapshot']
  readonly clock: Clock
  readonly maxBytes: number
  log(entry: LogEntry): void
  count(name: string): void
}

/**
 * Calls the `snapshot` hook, once for all who want the same channel at the same time. Whoever shares a call takes its head as the place to go
 * on from, so the value is never older than the place.
 */
export class Snapshots {
  readonly #host: SnapshotsHost
  readonly #flights = new Map<string, Flight>()

  constructor(host: SnapshotsHost) {
    this.#host = host
  }

  /** Whether there is a hook at all. */
  get isSupported(): boolean {
    return this.#host.hook !== undefined
  }

  /** The call that is under way when its head is at `from` or later and still in the log; otherwise a new one. */
  fly(shared: SharedChannel, channel: string, user: string | null, from: number): Flight {
    const running = this.#flights.get(shared.key)
    if (running !== undefined && running.head.offset >= from && shared.log.judge(running.head) === null) return running
    const head = shared.log.headCursor()
    const flight = { head, value: this.#call(channel, head, channel === '@user' ? user : null) }
    this.#flights.set(shared.key, flight)
    const land = (): void => {
      if (this.#flights.get(shared.key) === flight) this.#flights.delete(shared.key)
    }
    flight.value.then(land, land)
    return flight
  }

  async #call(channel: string, head: Cursor, user: string | null): Promise<string | undefined> {
    const { hook, clock, maxBytes } = this.#host
    this.#host.count('snapshots')
    try {
      // The hook runs on a stack of its own: it may publish, and must not do so in the middle of somebody's flush.
      await Promise.resolve()
      const value = hook?.(channel, { head, user })
      const settled = isPromise(value) ? await within(clock, HOOK_MS, value) : value
      return settled === undefined ? undefined : encodeData(settled, maxBytes)
    } catch (error) {
      this.#host.log({ level: 'error', event: 'snapshot_failed', channel, error: kindOf(error) })
      throw error
    }
  }
}
