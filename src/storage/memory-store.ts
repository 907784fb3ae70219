import type { CachedChannel, OutboxLimits, Random, SteadyClock, Store } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { changeCachedChannel, isWhole } from './cached-channel.ts'
import { reaches, takenBy } from './fate-memory.ts'
import { outboxMethods, type Commit } from './outbox-methods.ts'
import { createStoreTime } from './store-time.ts'
import { applyChange, countWaiting, emptyStoredOutbox, parkedByAge, signedOut, type StoredOutbox } from './stored-outbox.ts'

/**
 * What a memory store holds. Plain data: `structuredClone` of it is a backup, and putting one back is a store that went
 * back.
 */
export interface MemoryContents {
  lease: number
  signOuts: number
  /** What the wall clock showed more than the store's time with the last write. */
  offsetMs: number
  stored: StoredOutbox | null
  readonly channels: Map<string, CachedChannel>
}

/** Contents that nothing was ever stored in. */
export function emptyMemoryContents(): MemoryContents {
  return { lease: 0, signOuts: 0, offsetMs: 0, stored: null, channels: new Map() }
}

/** What a memory store needs. */
export interface MemoryStoreOptions {
  readonly clock: SteadyClock
  readonly random: Random
  readonly limits: OutboxLimits
  /** Where to keep everything; a store made on what an earlier one left stands for a restarted worker. */
  readonly contents?: MemoryContents
}

/**
 * A store that forgets everything with the worker: for browsers that refuse storage, for tests and for the simulator.
 * Follows the same rules as the durable one.
 */
export function createMemoryStore({ clock, random, limits, contents = emptyMemoryContents() }: MemoryStoreOptions): Store {
  const time = createStoreTime(clock)
  let lease: number | null = null
  const fencedListeners: (() => void)[] = []

  /** What a call changes. */
  function held(): StoredOutbox {
    if (lease === null || !contents.stored) throw new HoldfastError('storage-failed', 'The store is not open.')
    if (contents.lease === lease) {
      contents.offsetMs = time.offsetMs()
      return contents.stored
    }
    for (const tell of fencedListeners.splice(0)) tell()
    throw new HoldfastError('storage-failed', 'Another hub has taken over this outbox.')
  }

  function known(): StoredOutbox {
    return (contents.stored ??= emptyStoredOutbox(random.id(), random.id()))
  }

  const commit: Commit = async (plan) => {
    const stored = held()
    const change = plan(stored, { nowMs: time.nowMs(), wallMs: clock.nowMs() })
    applyChange(stored, change)
    return change.result
  }

  return {
    ...outboxMethods(commit, limits),
    durable: false,
    async open() {
      const stored = known()
      lease = ++contents.lease
      time.goOnFrom(contents.offsetMs)
      // A change between two others may have failed.
      for (const { channel, cursor, messages } of contents.channels.values())
        if (!isWhole(messages, cursor.offset)) contents.channels.delete(channel)
      const { session, sendOnly, outbox, notices } = stored
      return {
        session,
        sendOnly,
        outbox,
        parked: parkedByAge(stored),
        notices,
        channels: [...contents.channels.values()],
        signOuts: contents.signOuts,
        corrupt: false,
      }
    },
    timeMs: () => time.nowMs(),
    taken: () => takenBy(known().memory),
    reaches: (since) => reaches(known().memory, since),
    async saveCache(changes) {
      held()
      for (const change of changes)
        contents.channels.set(change.channel, changeCachedChannel(contents.channels.get(change.channel), change))
    },
    async dropCache(channels) {
      held()
      for (const channel of channels) contents.channels.delete(channel)
    },
    async signOut(newClient, park) {
      const stored = held()
      contents.stored = signedOut(stored, { client: newClient, sender: random.id() }, park, clock.nowMs())
      contents.channels.clear()
      contents.signOuts++
      lease = null
      return park ? 0 : countWaiting(stored)
    },
    onLost() {
      // Memory is never taken away while the worker lives.
    },
    onFenced(listener) {
      fencedListeners.push(listener)
    },
    close() {
      lease = null
    },
  }
}
