import type { ClientRecord, Fate } from './client-record.ts'
import { isPromise } from './deadline.ts'
import type { Awaitable, Commit, Engine } from './engine.ts'
import type { Handled, MessageHandler } from './message-handler.ts'
import type { IncomingMessage } from './options.ts'
import { HoldfastError, type Id } from '../protocol/index.ts'

/** The connection a number came on; it is told what becomes of it. */
export interface LaneSource {
  readonly user: string | null
  /** After `conflict` or `unknown_client`, and when a newer connection replaced it, nothing of it is applied any more. */
  readonly isRefusing: boolean
  /** Whether the connection is gone. */
  readonly isGone: boolean
  /** The number left the lane, whatever became of it. */
  left(): void
  /** The number is committed. */
  committed(): void
  /** The number was committed before; it is acknowledged again. */
  again(n: number): void
  expected(n: number): void
  conflict(n: number): void
  unknownClient(): void
  /** The engine failed: nothing is known of the outcome. */
  failed(): void
}

/** One number on its way: a message, or with `message` absent a number to skip. */
export interface LaneEntry {
  readonly source: LaneSource
  readonly n: number
  readonly id: Id
  readonly message: IncomingMessage | undefined
  /** Set when the message is refused without asking anybody. */
  readonly fate?: Fate
}

/** What a lane needs of the server. */
export interface LaneHost {
  readonly engine: Engine
  readonly handler: MessageHandler
  count(name: string, count?: number): void
  failed(error: unknown): void
}

/** Numbers that commit together when their handlers answer at once. */
const BATCH = 128

/**
 * The one place where the numbers of a client id are applied: in order, one at a time, each once, whatever connection they come on.
 */
export class ClientLane {
  readonly client: Id
  /** What the server remembers of the client; `null` when nothing. */
  record: ClientRecord | null = null
  /** Connections that send under this client id now. */
  sources = 0
  readonly #host: LaneHost
  #queue: LaneEntry[] = []
  #next = 0
  #batch: { readonly entry: LaneEntry; readonly commit: Commit }[] = []
  #isRunning = false
  #runs = 0
  #isLoaded = false
  /** What was handed to the engine and not answered yet. */
  #committing: readonly LaneEntry[] = []
  #idle: (() => void)[] = []

  constructor(client: Id, host: LaneHost) {
    this.client = client
    this.#host = host
  }

  /** Whether no number is on its way. */
  get isIdle(): boolean {
    return !this.#isRunning && this.length === 0
  }

  /** Numbers on their way. */
  get length(): number {
    return this.#queue.length - this.#next
  }

  /** Reads the record, unless numbers are on their way: then it is up to date. */
  async load(): Promise<void> {
    if (!this.isIdle) return
    const runs = this.#runs
    const loaded = this.#host.engine.loadClient(this.client)
    const record = isPromise(loaded) ? await loaded : loaded
    // What came meanwhile knows better.
    if (!this.isIdle || runs !== this.#runs) return
    this.record = record
    this.#isLoaded = true
  }

  /** Drops what gone connections left behind and was not begun: the client sends it again. */
  dropLeftovers(): void {
    const waiting = this.#queue.slice(this.#next)
    this.#queue = waiting.filter(({ source }) => !source.isGone)
    this.#next = 0
    this.#host.count('dropped.replaced', waiting.length - this.#queue.length)
  }

  /** Takes numbers in the order they came. */
  push(entries: readonly LaneEntry[]): void {
    for (const entry of entries) this.#queue.push(entry)
    if (!this.#isRunning) void this.#run()
  }

  /** Resolves when no number is on its way. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isIdle) resolve()
      else this.#idle.push(resolve)
    })
  }

  /** Drops what was not begun: the server closes. */
  dropWaiting(): void {
    this.#host.count('dropped.closing', this.length)
    this.#queue = []
    this.#next = 0
  }

  /** Never rejects. Runs through without waiting a turn as long as nobody answers with a promise. */
  async #run(): Promise<void> {
    this.#isRunning = true
    this.#runs++
    try {
      if (!this.#isLoaded) {
        const loaded = this.#host.engine.loadClient(this.client)
        this.record = isPromise(loaded) ? await loaded : loaded
        this.#isLoaded = true
      }
      for (;;) {
        const entry = this.#queue[this.#next]
        if (entry === undefined) {
          const committing = this.#commit()
          if (committing !== undefined) await committing
          if (this.length === 0) break
          continue
        }
        this.#next++
        if (this.#next > 1_024) {
          this.#queue = this.#queue.slice(this.#next)
          this.#next = 0
        }
        const taking = this.#take(entry)
        if (taking !== undefined) await taking
      }
      this.#queue = []
      this.#next = 0
    } catch (error) {
      this.#abandon(error)
    }
    this.#isRunning = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Judges one number and, when it is the next, applies it. Gives a promise only when it has to wait. */
  #take(entry: LaneEntry): Promise<void> | undefined {
    const { n, source } = entry
    if (source.isRefusing) {
      this.#host.count('dropped.refusing')
      source.left()
      return undefined
    }
    const isNext = n === (this.record?.hi ?? 0) + this.#batch.length + 1
    if (!isNext && this.#batch.length > 0) {
      // Known or not is judged by what is committed, not by what is about to be.
      const committing = this.#commit()
      return committing === undefined ? this.#take(entry) : committing.then(() => this.#take(entry))
    }
    if ((this.record === null && n !== 1) || (this.record !== null && this.record.user !== source.user)) {
      this.#host.count('refused.unknown_client')
      source.left()
      source.unknownClient()
      return undefined
    }
    if (!isNext) {
      source.left()
      this.#refuse(entry, this.record?.hi ?? 0)
      return undefined
    }
    return this.#apply(entry)
  }

  #refuse({ n, id, source }: LaneEntry, hi: number): void {
    const known = this.record?.idAt(n)
    if (n > hi) {
      this.#host.count('refused.expected')
      source.expected(hi + 1)
    } else if (known !== undefined && known !== id) {
      this.#host.count('refused.conflict')
      source.conflict(n)
    } else {
      this.#host.count('duplicates')
      source.again(n)
    }
  }

  #apply(entry: LaneEntry): Promise<void> | undefined {
    const { source, message, fate } = entry
    const handled: Awaitable<Handled | undefined> =
      message === undefined || fate !== undefined
        ? { fate: fate ?? { kind: 'skipped' }, publications: [] }
        : this.#host.handler.handle(message, source.user)
    if (!isPromise(handled)) {
      this.#add(entry, handled)
      // A new client gets its record at once: it is what the numbers after the first are judged by.
      return this.record === null || this.#batch.length >= BATCH ? this.#commit() : undefined
    }
    // What was applied before must not wait for a handler that takes its time.
    const before = this.#commit()
    return (async () => {
      if (before !== undefined) await before
      this.#add(entry, await handled)
      const after = this.#commit()
      if (after !== undefined) await after
    })()
  }

  #add(entry: LaneEntry, handled: Handled | undefined): void {
    if (handled === undefined) {
      this.#host.count('dropped.closing')
      entry.source.left()
      return
    }
    const { n, id } = entry
    this.#batch.push({ entry, commit: { n, id, ...handled } })
  }

  #commit(): Promise<void> | undefined {
    const batch = this.#batch
    const [first] = batch
    if (first === undefined) return undefined
    this.#batch = []
    this.#committing = batch.map(({ entry }) => entry)
    const commits = batch.map(({ commit }) => commit)
    const committing = this.#host.engine.commit(this.client, first.entry.source.user, commits)
    if (!isPromise(committing)) return this.#committed(batch, committing)
    return committing.then((record) => this.#committed(batch, record))
  }

  #committed(batch: readonly { readonly entry: LaneEntry; readonly commit: Commit }[], record: ClientRecord | null): undefined {
    if (record === null) throw new HoldfastError('protocol', 'Another node has committed numbers of this client.')
    this.record = record
    this.#committing = []
    for (const { entry, commit } of batch) {
      this.#host.count(countOf(commit.fate))
      entry.source.left()
      entry.source.committed()
    }
  }

  /** Nothing is known of what was on its way: the clients ask again, and the record is read again. */
  #abandon(error: unknown): void {
    this.#host.failed(error)
    const lost = [...this.#committing, ...this.#batch.map(({ entry }) => entry), ...this.#queue.slice(this.#next)]
    const sources = new Set(lost.map(({ source }) => source))
    this.#host.count('dropped.failed', lost.length)
    this.#committing = []
    this.#batch = []
    this.#queue = []
    this.#next = 0
    this.#isLoaded = false
    for (const source of sources) source.failed()
  }
}

function countOf(fate: Fate): string {
  return fate?.kind ?? 'applied'
}
