import { openDB } from 'idb'
import type { Clock } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Database, HoldfastSchema, SchemaStep, StoreName, WriteTransaction } from './schema.ts'

/** Writes that were asked for and not waited for: the transaction commits without a further round trip. */
export type Writes = readonly Promise<unknown>[]

/** Reads first, and then returns the promises of all its writes. Aborts the transaction by throwing. */
export type Work = (tx: WriteTransaction) => Promise<Writes>

/** Throws when a transaction must not commit. */
export type Guard = (tx: WriteTransaction) => Promise<void>

/** Whether a commit is told when the browser has it, or when the disk has. */
export type Durability = 'relaxed' | 'strict'

/** What a {@link Connection} needs. */
export interface ConnectionOptions {
  readonly name: string
  /** One per version of the database; the last one's is opened. */
  readonly steps: readonly SchemaStep[]
  readonly clock: Clock
  readonly durability: Durability
  /** How long opening may take, e.g. while another version of the app holds the database. */
  readonly openDeadlineMs: number
  /** Called when the browser drops the connection: it may have deleted the database. */
  readonly dropped: () => void
  /** Called once when the database is gone for good. */
  readonly lost: (why: string) => void
}

/**
 * One connection to the database, replaced when the browser drops it. Knows transactions and errors, not what is
 * stored.
 */
export interface Connection {
  /** Opens the database; with `mustExist` one that is not there is a loss instead of a beginning. */
  open(mustExist: boolean): Promise<void>
  /**
   * Runs `work` in one transaction over `stores` and resolves after its `complete` event. `guard` reads before `work`
   * and is waited for before the commit, so that a check costs no round trip of its own. After an error that {@link
   * isConnectionFailure} knows there is no connection until `open` is called again.
   * @param how where it is not the durability of the others
   */
  transact(stores: readonly StoreName[], work: Work, guard?: Guard, how?: Durability): Promise<void>
  /** Gives the database up: it was deleted, or another version of the app wants it. */
  lose(why: string): void
  close(): void
}

/** Makes a connection that is not open yet. */
export function createConnection({ name, steps, clock, durability, openDeadlineMs, dropped, lost }: ConnectionOptions): Connection {
  let database: Database | null = null
  /** Set for good by `lose` and `close`: why there will be no connection any more. */
  let ended: string | null = null

  function drop(): void {
    database?.close()
    database = null
  }

  function end(why: string): void {
    ended ??= why
    drop()
  }

  function lose(why: string): void {
    if (ended !== null) return
    end(why)
    lost(why)
  }

  async function open(mustExist: boolean): Promise<void> {
    drop()
    if (ended !== null) throw new HoldfastError('storage-failed', ended)
    let missing = false
    let failure: unknown = null
    const opening = openDB<HoldfastSchema>(name, steps.length, {
      upgrade(upgraded, oldVersion, _newVersion, tx) {
        // The failure is told by the opening itself.
        tx.done.catch(() => {})
        missing = mustExist && oldVersion === 0
        const climb = async (): Promise<void> => {
          if (missing) return tx.abort()
          for (const step of steps.slice(oldVersion)) await step(upgraded, tx)
        }
        climb().catch((error: unknown) => {
          failure = error
          abort(tx)
        })
      },
      blocking: () => lose('The database was deleted, or another version of the app changes it.'),
      terminated() {
        drop()
        dropped()
      },
    })
    const opened = await withDeadline(opening).catch((error: unknown) => {
      if (missing) lose('The database was deleted.')
      if (failure === null) throw error
      throw new HoldfastError('storage-failed', 'The database could not be brought to this version; it is as it was.', { cause: failure })
    })
    // Closed or lost while it was opening.
    if (ended !== null) opened.close()
    else database = opened
  }

  function withDeadline(opening: Promise<Database>): Promise<Database> {
    return new Promise((resolve, reject) => {
      let late = false
      const cancel = clock.setTimer(openDeadlineMs, () => {
        late = true
        reject(new HoldfastError('storage-failed', `The database did not open within ${openDeadlineMs} ms.`))
      })
      opening
        .then((opened) => {
          if (late) opened.close()
          else resolve(opened)
        }, reject)
        .finally(cancel)
    })
  }

  async function transact(stores: readonly StoreName[], work: Work, guard: Guard = passAll, how: Durability = durability): Promise<void> {
    try {
      await transactOnce(stores, work, guard, how)
    } catch (error) {
      // Whether a transaction committed is not known when its connection failed. Without a connection nobody goes on as
      // if it were.
      if (isConnectionFailure(error)) drop()
      throw error
    }
  }

  async function transactOnce(stores: readonly StoreName[], work: Work, guard: Guard, how: Durability): Promise<void> {
    if (ended !== null) throw new HoldfastError('storage-failed', ended)
    if (!database) throw new DOMException('The connection was lost.', 'InvalidStateError')
    const tx = database.transaction([...stores], 'readwrite', { durability: how })
    const done = observed(tx.done)
    try {
      const passed = observed(guard(tx))
      const written = observed(Promise.all(await work(tx)))
      await passed
      tx.commit()
      await Promise.all([done, written])
    } catch (error) {
      abort(tx)
      throw tx.error ?? error
    }
  }

  return { open, transact, lose, close: () => end('The store is closed.') }
}

async function passAll(): Promise<void> {}

/** A promise that is waited for later; a failure before that is not an unhandled one. */
function observed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function abort(tx: Pick<WriteTransaction, 'abort'>): void {
  try {
    tx.abort()
  } catch {
    // It has ended already; that is what was wanted.
  }
}

/**
 * Whether an error may be cured by a new connection. A transaction that aborts without a reason of its own lost its
 * connection.
 */
export function isConnectionFailure(error: unknown): boolean {
  return error instanceof DOMException && ['InvalidStateError', 'AbortError', 'UnknownError'].includes(error.name)
}

/**
 * An error of IndexedDB as the one error class. Told apart by name: `QuotaExceededError` is a class of its own in some
 * browsers.
 */
export function asStorageError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error
  const name = error instanceof Error ? error.name : 'unknown'
  if (name === 'QuotaExceededError')
    return new HoldfastError('storage-full', 'The browser gives this origin no more storage.', { cause: error })
  if (name === 'VersionError')
    return new HoldfastError('storage-newer', 'The database was written by a newer version of the app.', { cause: error })
  return new HoldfastError('storage-failed', `The browser's storage failed (${name}).`, { cause: error })
}
