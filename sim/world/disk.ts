import type { OutboxLimits, SteadyClock, Store } from '../../src/core/ports.ts'
import { HoldfastError } from '../../src/protocol/errors.ts'
import { rememberedFates } from '../../src/storage/fate-memory.ts'
import { createMemoryStore, emptyMemoryContents, type MemoryContents } from '../../src/storage/memory-store.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/**
 * What is the matter with a database. `hangs`: nothing is answered, `fails`: every write, `full`: every write that
 * adds.
 */
export type DiskTrouble = 'hangs' | 'fails' | 'full' | 'will-not-open'

/** How long the durable store tries to open. */
const OPEN_DEADLINE_MS = 5_000
/** Copies kept of what the database held. */
const BACKUPS = 8

/**
 * One database of one browser. Its transactions are those of the product's memory store; when they happen, and whether,
 * is decided here.
 */
export class Disk {
  contents: MemoryContents = emptyMemoryContents()
  trouble: DiskTrouble | null = null
  /** Ends the worker at its next transaction, before or after it has happened. */
  trap: 'before' | 'after' | null = null
  /** Called when an outbox restart was stored here, the next time only. */
  onRestart: (() => void) | null = null
  readonly #world: World
  readonly #backups: MemoryContents[] = []
  #stuck: (() => void)[] = []
  #lose: ((why: string) => void)[] = []

  constructor(world: World) {
    this.#world = world
  }

  /** Whether the database knows the message, waiting or ended. */
  knows(id: string): boolean {
    const { stored } = this.contents
    return stored !== null && (stored.numbers.has(id) || stored.parked.has(id) || rememberedFates(stored.memory, [id]).size > 0)
  }

  /** Puts back what was there `transactions` ago, or as far back as copies reach. */
  rollBack(transactions: number): void {
    const backup = this.#backups.at(-transactions) ?? this.#backups[0]
    if (backup) this.contents = copyOf(backup)
    this.#backups.length = 0
  }

  /** Throws everything away, under the feet of whoever uses it. */
  clear(): void {
    this.contents = emptyMemoryContents()
    this.#backups.length = 0
    for (const lose of this.#lose.splice(0)) lose('the site was cleared')
  }

  /** A database with the same contents. */
  clone(): Disk {
    const clone = new Disk(this.#world)
    clone.contents = copyOf(this.contents)
    return clone
  }

  /** All is well again. */
  heal(): void {
    this.trouble = null
    this.trap = null
    for (const go of this.#stuck.splice(0)) go()
  }

  /** The store as a worker opens it. */
  store(process: Process, clock: SteadyClock, limits: OutboxLimits): Store {
    const { random, schedule, check } = this.#world
    const { contents } = this
    const inner = createMemoryStore({ clock, random: this.#world.ids, limits, contents })
    let lastMs = 0
    let lease = 0

    /**
     * One transaction: at some time after the call it happens, and at some time after that the worker hears of it.
     * Calls keep their order.
     */
    const call = <T>(name: keyof Store, work: () => Promise<T>, adds = false): Promise<T> =>
      new Promise((resolve, reject) => {
        const fail = (code: 'storage-failed' | 'storage-full'): void =>
          process.post(() => reject(new HoldfastError(code, `the disk: ${name}`)))
        const happen = (): void => {
          if (this.contents !== contents) return fail('storage-failed')
          if (this.trouble === 'hangs') return void this.#stuck.push(happen)
          if (this.trouble === 'fails') return fail('storage-failed')
          if (this.trouble === 'full' && adds) return fail('storage-full')
          if (this.trap === 'before') return this.#spring(process)
          // A transaction that was under way when its worker ended happens, or does not.
          if (!process.isAlive && random.next() < 0.5) return
          if (this.#world.keepsBackups) this.#keep()
          if (name === 'open') check.tries.beginsAgain(process)
          if (name === 'open') this.#world.trace('disk', process.name, process.isAlive ? 'opens' : 'opens, dead')
          // In some simulations a database remembers little.
          if (contents.stored) contents.stored.memory = { ...contents.stored.memory, bounds: this.#world.settings.memory }
          const done = work()
          // As of the transaction itself: what waited behind it may follow before anybody hears.
          const current = contents.lease
          if (name === 'open') lease = current
          done.then(
            (value) => {
              check.holds(lease === current, 'I4', () => `${process.name}: ${name} under lease ${lease}, and ${current} is current`)
              check.outbox.stored(this, name)
              if (this.trap === 'after') return this.#spring(process)
              if (name === 'restart') this.#tellRestart()
              answer(() => resolve(value))
            },
            (error: Error) => answer(() => reject(error)),
          )
        }
        const answer = (run: () => void): void => {
          lastMs = Math.max(lastMs, schedule.nowMs + random.next() * 2)
          process.after(lastMs - schedule.nowMs, run)
        }
        lastMs = Math.max(lastMs, schedule.nowMs + random.next() * 3)
        schedule.at(lastMs - schedule.nowMs, happen)
      })

    return {
      ...inner,
      durable: true,
      open: () => {
        if (this.trouble !== 'will-not-open') return call('open', () => inner.open())
        return new Promise((_resolve, reject) => {
          process.after(OPEN_DEADLINE_MS, () => reject(new HoldfastError('storage-failed', 'the disk does not open')))
        })
      },
      saveIdentity: (identity) => call('saveIdentity', () => inner.saveIdentity(identity)),
      append: (messages, sent) => call('append', () => inner.append(messages, sent), true),
      raiseSentThrough: (n) => call('raiseSentThrough', () => inner.raiseSentThrough(n)),
      bury: (numbers, why) => call('bury', () => inner.bury(numbers, why)),
      settle: (through, id, fates) =>
        call('settle', () => {
          const settled = check.outbox.settles(this, through, id)
          return inner.settle(through, id, fates).then(settled)
        }),
      recalled: (client, asked, fates, hold) => call('recalled', () => inner.recalled(client, asked, fates, hold)),
      restart: (client, why) => call('restart', () => inner.restart(client, why)),
      unpark: (id) => call('unpark', () => inner.unpark(id)),
      fatesOf: (ids) => call('fatesOf', () => inner.fatesOf(ids)),
      note: (...given) => call('note', () => inner.note(...given)),
      heard: (ids) =>
        call('heard', () => {
          check.told.forgets(this, ids)
          return inner.heard(ids)
        }),
      saveCache: (changes) => call('saveCache', () => inner.saveCache(changes), true),
      dropCache: (channels) => call('dropCache', () => inner.dropCache(channels)),
      signOut: (newClient, park) =>
        call('signOut', () => {
          const forgotten = check.signOuts.forgets(this, process, park)
          return inner.signOut(newClient, park).then((discarded) => {
            forgotten()
            return discarded
          })
        }),
      onLost: (listener) => {
        this.#lose.push((why) => process.post(() => listener(why)))
      },
      onFenced: (listener) => inner.onFenced(() => process.post(listener)),
      close: () => {
        // Who gives the store back, and has it again later, counts its tries anew (HU26).
        if (lease > 0) check.tries.left(process)
        inner.close()
      },
    }
  }

  #tellRestart(): void {
    this.onRestart?.()
    this.onRestart = null
  }

  #spring(process: Process): void {
    this.trap = null
    this.#world.trace('trap', process.name)
    process.kill()
  }

  #keep(): void {
    this.#backups.push(copyOf(this.contents))
    if (this.#backups.length > BACKUPS) this.#backups.shift()
  }
}

/** A copy that shares what is never changed in place. */
function copyOf({ lease, signOuts, offsetMs, stored, channels }: MemoryContents): MemoryContents {
  return {
    lease,
    signOuts,
    offsetMs,
    stored: stored && {
      ...stored,
      numbers: new Map(stored.numbers),
      memory: { ...stored.memory, fates: new Map(stored.memory.fates), rows: [...stored.memory.rows] },
      parked: new Map(stored.parked),
    },
    channels: new Map(channels),
  }
}
