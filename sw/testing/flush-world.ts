import { TestLocks } from '../../src/bridge/test-locks.ts'
import { createFakeClock, type FakeClock } from '../../src/core/testing/fake-clock.ts'
import type { LogEntry, NewMessage, OutboxLimits, Store, StoredFlush } from '../../src/core/ports.ts'
import { decodeFlush } from '../../src/protocol/flush-codec.ts'
import type { Flush, FlushAnswer, Id, Outcome } from '../../src/protocol/messages.ts'
import { createMemoryStore, emptyMemoryContents, type MemoryContents } from '../../src/storage/memory-store.ts'
import type { FlushPorts } from '../flush-outbox.ts'

/** The scope of the tests. */
export const SCOPE: string = 'S'.repeat(22)
/** Messages as old as this are left to a tab. */
export const MAX_AGE_MS = 100_000

const LIMITS: OutboxLimits = { maxMessages: 10_000, maxBytes: 2 ** 24 }

/** An id that says a number. */
export function idOf(n: number): Id {
  return `m${String(n).padStart(21, '0')}`
}

/** A ledger or session of the tests. */
export const LEDGER: Id = 'L'.repeat(22)

/** The answer that two messages are stable, changed as a test wants it. */
export function flushed(change: object = {}): object {
  return {
    type: 'flushed',
    protocol: 1,
    user: 'ada',
    ledger: LEDGER,
    client: { hi: 2, id: idOf(2) },
    hi: 2,
    stable: 2,
    id: idOf(2),
    outcomes: [],
    ...change,
  }
}

/** What the hub was given to send by POST with. */
export const FLUSH: StoredFlush = { url: 'https://app.example/live/outbox', token: 'T'.repeat(43), user: 'ada', frameBytes: 1_048_576 }

/** What the endpoint remembers of its one client, and all it was asked. */
export interface Endpoint {
  ledger: Id
  user: string | null
  readonly ids: Id[]
  readonly applied: { readonly id: Id; readonly data: unknown }[]
  readonly asked: { readonly url: string; readonly token: string; readonly flush: Flush }[]
  /** Numbers whose message is rejected. */
  readonly rejects: Set<number>
  /** What is committed and not yet stable. */
  unstable: number
  answer(flush: Flush): FlushAnswer
}

/** A store that outlives its owners, locks, a clock, and an endpoint that keeps the rules of numbers. */
export interface FlushWorld {
  readonly clock: FakeClock
  readonly locks: TestLocks
  readonly contents: MemoryContents
  readonly endpoint: Endpoint
  readonly log: LogEntry[]
  readonly ports: FlushPorts
  store(): Store
  /** Queues as a hub without a connection would, and lets go. `null`: it never had one. */
  queue(messages: readonly Partial<NewMessage>[], flush?: StoredFlush | null): Promise<void>
  /** Message ids that are left. */
  left(): Id[]
}

/** Makes a world. `post` may stand between the flush and the endpoint. */
export function createFlushWorld(
  post: (world: FlushWorld, text: string, signal: AbortSignal) => Promise<{ status: number; text: string | null }> = reach,
): FlushWorld {
  const clock = createFakeClock()
  const locks = new TestLocks()
  const contents = emptyMemoryContents()
  let made = 0
  const random = { fraction: () => 0.5, id: (): Id => `r${String(++made).padStart(21, '0')}` }
  const log: LogEntry[] = []
  const store = (): Store => createMemoryStore({ clock, random, limits: LIMITS, contents })
  const endpoint = createEndpoint()
  let queued = 0

  const world: FlushWorld = {
    clock,
    locks,
    contents,
    endpoint,
    log,
    store,
    ports: {
      clock,
      locks,
      log: (entry) => log.push(entry),
      store: () => Promise.resolve(contents.stored ? store() : null),
      post(url, token, text, signal) {
        const decoded = decodeFlush(text)
        if (!decoded.ok) throw new Error(`the flush is not one: ${decoded.error}`)
        endpoint.asked.push({ url, token, flush: decoded.message })
        return post(world, text, signal)
      },
    },
    async queue(messages, flush = FLUSH) {
      const hub = store()
      await hub.open()
      if (flush) await hub.saveIdentity({ session: { id: LEDGER, token: FLUSH.token }, ledger: LEDGER, sentThrough: 0, flush })
      const all = messages.map((message): NewMessage => {
        const id = idOf(++queued)
        return { id, channel: 'board', json: JSON.stringify(id), atMs: clock.nowMs(), ...message }
      })
      await hub.append(all, false)
      hub.close()
    },
    left: () => contents.stored?.outbox.entries.map(({ id }) => id) ?? [],
  }
  return world
}

/** The endpoint answers. */
export async function reach({ endpoint }: FlushWorld, text: string): Promise<{ status: number; text: string | null }> {
  const decoded = decodeFlush(text)
  if (!decoded.ok) throw new Error(decoded.error)
  const answer = endpoint.answer(decoded.message)
  return { status: answer.type === 'flushed' ? 200 : 409, text: JSON.stringify(answer) }
}

function createEndpoint(): Endpoint {
  const outcomes = new Map<number, Outcome>()
  const endpoint: Endpoint = {
    ledger: LEDGER,
    user: 'ada',
    ids: [],
    applied: [],
    asked: [],
    rejects: new Set(),
    unstable: 0,
    answer({ protocol, ledger, user, confirmed, entries }) {
      const { ids, applied } = endpoint
      if (ledger !== endpoint.ledger) return { type: 'flush_refused', reason: 'ledger' }
      if (user !== endpoint.user) return { type: 'flush_refused', reason: 'user' }
      for (const entry of entries) {
        const { n, id } = entry
        const known = ids[n - 1]
        if (known !== undefined && known !== id) return { type: 'flush_refused', reason: 'conflict', n }
        if (known !== undefined) continue
        if (n !== ids.length + 1) return ids.length === 0 ? { type: 'flush_refused', reason: 'unknown_client' } : expected(ids.length + 1)
        ids.push(id)
        if ('skip' in entry) outcomes.set(n, { n, skipped: true })
        else if (endpoint.rejects.has(n)) outcomes.set(n, { n, rejected: 'rejected', message: 'no' })
        else {
          applied.push({ id, data: entry.data })
          outcomes.set(n, { n, reply: { took: n } })
        }
      }
      const hi = ids.length
      const stable = Math.max(0, hi - endpoint.unstable)
      return {
        type: 'flushed',
        protocol,
        user,
        ledger,
        client: hi === 0 ? null : { hi, id: ids[hi - 1] ?? '' },
        hi,
        stable,
        id: ids[stable - 1] ?? '',
        outcomes: [...outcomes.values()].filter(({ n }) => n > confirmed && n <= stable),
      }
    },
  }
  return endpoint
}

function expected(n: number): FlushAnswer {
  return { type: 'flush_refused', reason: 'expected', n }
}
