import { HOOK_MS, isPromise, kindOf, within } from './deadline.ts'
import { tryEncode } from './encode-data.ts'
import type { Settings } from './options.ts'
import type { Party } from './party.ts'
import type { Clock } from './ports.ts'
import type { SharedChannel } from './shared-channel.ts'
import type { Cursor } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

/**
 * What the `snapshot` hook gave: JSON text, `undefined` when the channel has no value; why the value can never be sent;
 * or that the hook failed, which it may not do again.
 */
export type Value = { readonly text: string | undefined } | { readonly why: 'invalid' | 'too-large' | 'hook-failed' }

/** A call of the app's `snapshot` hook. */
export interface Flight {
  /** The head that was read before the call: the value holds everything up to it. */
  readonly head: Cursor
  /** What came of it. Never rejects. */
  readonly value: Promise<Value>
  /** Who asked, where the value is theirs alone. */
  readonly asker: Asker | null
}

type Asker = Pick<Party, 'user' | 'context'>

/** What snapshots need of the server. */
export interface SnapshotsHost {
  readonly hook: Settings['hooks']['snapshot']
  readonly clock: Clock
  readonly maxBytes: number
  log(entry: LogEntry): void
  count(name: string): void
}

/**
 * Calls the `snapshot` hook, once for all who want the same channel at the same time. Whoever shares a call takes its
 * head as the place to go on from, so the value is never older than the place.
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
  fly(shared: SharedChannel, channel: string, party: Asker, from: number): Flight {
    const asker = channel === '@user' ? party : null
    const running = this.#flights.get(shared.key)
    // Two connections of one user may be allowed different things.
    const isShared = running !== undefined && running.asker?.context === asker?.context
    if (isShared && running.head.offset >= from && shared.log.judge(running.head) === null) return running
    const head = shared.log.headCursor()
    const flight = { head, asker, value: this.#call(channel, head, asker) }
    this.#flights.set(shared.key, flight)
    const land = (): void => {
      if (this.#flights.get(shared.key) === flight) this.#flights.delete(shared.key)
    }
    void flight.value.then(land)
    return flight
  }

  async #call(channel: string, head: Cursor, asker: Asker | null): Promise<Value> {
    const { hook, clock, maxBytes } = this.#host
    this.#host.count('snapshots')
    try {
      // The hook runs on a stack of its own: it may publish, and must not do so in the middle of somebody's flush.
      await Promise.resolve()
      const value = hook?.(channel, { head, user: asker?.user ?? null, context: asker?.context ?? null })
      const settled = isPromise(value) ? await within(clock, HOOK_MS, value) : value
      if (settled === undefined) return { text: undefined }
      const encoded = tryEncode(settled, maxBytes)
      if ('why' in encoded) this.#host.log({ level: 'error', event: 'snapshot_refused', channel, why: encoded.why })
      return encoded
    } catch (error) {
      this.#host.log({ level: 'error', event: 'snapshot_failed', channel, error: kindOf(error) })
      return { why: 'hook-failed' }
    }
  }
}
