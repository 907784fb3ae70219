import type { CachedChannel, OutboxLimits, Random, SteadyClock, Store, StoredState } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import { CACHE_STORES, deleteCachedChannels, readCache, writeCacheChanges } from './cache-transactions.ts'
import { asStorageError, createConnection, isConnectionFailure, type Durability, type Work } from './connection.ts'
import { reaches, takenBy } from './fate-memory.ts'
import { createDropWatch } from './drop-watch.ts'
import { outboxMethods, type Commit } from './outbox-methods.ts'
import {
  OUTBOX_STORES,
  putRun,
  rereadOutbox,
  storesOf,
  takeLease,
  writeChange,
  writeSignedOut,
  type Ownership,
} from './outbox-transactions.ts'
import { SCHEMA_STEPS, type RunRow, type SchemaStep, type StoreName } from './schema.ts'
import { createStoreTime } from './store-time.ts'
import { applyChange, countWaiting, parkedByAge, signedOut, type StoredOutbox } from './stored-outbox.ts'

/** What an IndexedDB store needs. */
export interface IndexedDbStoreOptions {
  /** Name of the database: `holdfast:` and the scope. */
  readonly name: string
  readonly clock: SteadyClock
  readonly random: Random
  readonly limits: OutboxLimits
  /** `relaxed` survives crashes of tab and browser, `strict` power loss too. */
  readonly durability: Durability
  /**
   * How long opening the database may take before `open` throws `storage-failed`.
   * @defaultValue 5_000
   */
  readonly openDeadlineMs?: number
  /** The versions of the database. @defaultValue {@link SCHEMA_STEPS} */
  readonly steps?: readonly SchemaStep[]
  /**
   * Whether `open` replaces what cannot be trusted by what is left of it. If not it throws `storage-corrupt` and
   * changes nothing: that is for whoever cannot tell the app.
   * @defaultValue true
   */
  readonly repairs?: boolean
}

/** What the store knows while it is open: the outbox as the database holds it, and under which lease. */
interface Open {
  readonly own: Ownership
  stored: StoredOutbox
}

/**
 * A store in the browser's IndexedDB. Each call is one transaction that first reads who owns the database, and resolves
 * after its `complete` event. A connection the browser dropped is opened again once per call. Between calls the outbox
 * is also held in memory: only the owner writes, so the two cannot differ.
 */
export function createIndexedDbStore(options: IndexedDbStoreOptions): Store {
  const { name, clock, random, limits, durability, openDeadlineMs = 5_000, steps = SCHEMA_STEPS, repairs = true } = options
  const time = createStoreTime(clock)
  const lostListeners: ((why: string) => void)[] = []
  const fencedListeners: (() => void)[] = []
  const connection = createConnection({
    name,
    steps,
    clock,
    durability,
    openDeadlineMs,
    dropped: () => watch.dropped(),
    lost(why) {
      watch.end()
      for (const tell of lostListeners) tell(why)
    },
  })
  const watch = createDropWatch(clock, () => write([], async () => []))
  const end = (): void => {
    watch.end()
    connection.close()
  }
  let open: Open | null = null
  let last: Promise<unknown> = Promise.resolve()

  /** Calls take effect one after the other, each on what the one before left. */
  function inOrder<T>(call: () => Promise<T>): Promise<T> {
    const result = last.then(call)
    last = result.catch(() => {})
    return result
  }

  /** Runs a call, and once more on a new connection when the old one was at fault. */
  async function withReconnection<T>(call: () => Promise<T>, prepare: () => Promise<void>): Promise<T> {
    try {
      return await call().catch(async (error: unknown) => {
        if (!isConnectionFailure(error)) throw error
        await prepare()
        return call()
      })
    } catch (error) {
      throw asStorageError(error)
    }
  }

  /** The call that was cut off may have taken effect or not, so memory is read again. */
  async function reconnect(): Promise<void> {
    await connection.open(true)
    const held = whileOpen()
    let reread = held.stored
    await transact(OUTBOX_STORES, async (tx) => {
      reread = await rereadOutbox(tx, random, clock.nowMs())
      return []
    })
    held.stored = reread
  }

  async function transact(stores: readonly StoreName[], work: Work, how?: Durability): Promise<void> {
    const { own } = whileOpen()
    await connection
      .transact(stores, work, async (tx) => refuseStranger(own, await tx.objectStore('run').get('run')), how)
      .catch((error) => {
        time.notStored()
        throw error
      })
  }

  function refuseStranger({ store, lease }: Ownership, run: RunRow | undefined): void {
    if (run?.store !== store) {
      connection.lose('The database was deleted.')
      throw new HoldfastError('storage-failed', 'The database was deleted.')
    }
    if (run.lease === lease) return
    for (const tell of fencedListeners.splice(0)) tell()
    throw new HoldfastError('storage-failed', 'Another hub has taken over this outbox.')
  }

  function whileOpen(): Open {
    if (!open) throw new HoldfastError('storage-failed', 'The store is not open.')
    return open
  }

  function write(stores: readonly StoreName[], work: Work): Promise<void> {
    const alsoTime: Work = async (tx) => {
      const writes = await work(tx)
      const { own, stored } = whileOpen()
      return time.isStale() ? [...writes, putRun(tx, own, stored.outbox, stored.memory.head, time)] : writes
    }
    return inOrder(() => withReconnection(() => transact(['run', ...stores], alsoTime), reconnect))
  }

  const commit: Commit = (plan) =>
    inOrder(() =>
      withReconnection(async () => {
        const held = whileOpen()
        const change = plan(held.stored, { nowMs: time.nowMs(), wallMs: clock.nowMs() })
        await transact(storesOf(change), (tx) => writeChange(tx, held.own, held.stored, change, time))
        applyChange(held.stored, change)
        return change.result
      }, reconnect),
    )

  async function openAndRead(): Promise<StoredState> {
    await connection.open(false)
    let channels: CachedChannel[] = []
    let corrupt = false
    let taken: Open | null = null
    await connection.transact([...OUTBOX_STORES, ...CACHE_STORES], async (tx) => {
      const cache = await readCache(tx)
      const lease = await takeLease(tx, random, repairs, time, clock.nowMs())
      taken = { own: lease.own, stored: lease.stored }
      corrupt = lease.corrupt
      channels = cache.channels
      return [...lease.writes, ...deleteCachedChannels(tx, cache.broken)]
    })
    open = taken
    const { own, stored } = whileOpen()
    const { session, sendOnly, outbox, notices } = stored
    return { session, sendOnly, outbox, parked: parkedByAge(stored), notices, channels, signOuts: own.signOuts, corrupt }
  }

  /** Planned once: a call that is repeated may find that it has taken effect. */
  function signOut(newClient: Id, park: boolean): Promise<number> {
    let planned: { readonly left: StoredOutbox; readonly forgotten: number } | null = null
    return inOrder(() =>
      withReconnection(async () => {
        const { own, stored } = whileOpen()
        const { left, forgotten } = (planned ??= {
          left: signedOut(stored, { client: newClient, sender: random.id() }, park, clock.nowMs()),
          forgotten: park ? 0 : countWaiting(stored),
        })
        const forgetting: Work = async (tx) => [
          ...writeSignedOut(tx, own, left, time),
          ...CACHE_STORES.map((store) => tx.objectStore(store).clear()),
        ]
        // Whoever is told that nothing is left must not find it again after a power loss.
        await transact([...OUTBOX_STORES, ...CACHE_STORES], forgetting, 'strict')
        // Before whatever was asked meanwhile: nothing of the user may come after.
        end()
        return forgotten
      }, reconnect),
    )
  }

  return {
    ...outboxMethods(commit, limits),
    durable: true,
    open: () => inOrder(() => withReconnection(openAndRead, async () => {})),
    timeMs: () => time.nowMs(),
    taken: () => takenBy(whileOpen().stored.memory),
    reaches: (since) => reaches(whileOpen().stored.memory, since),
    saveCache: (changes) => write(CACHE_STORES, (tx) => writeCacheChanges(tx, changes)),
    dropCache: (channels) => write(CACHE_STORES, async (tx) => deleteCachedChannels(tx, channels)),
    signOut,
    onLost(listener) {
      lostListeners.push(listener)
    },
    onFenced(listener) {
      fencedListeners.push(listener)
    },
    close: end,
  }
}
