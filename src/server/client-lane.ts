import { endOf, unitsOf, type ClientRecord, type Fate } from './client-record.ts'
import { Confirmations } from './confirmations.ts'
import { isPromise } from './deadline.ts'
import type { Awaitable, Commit, Refusal } from './engine.ts'
import { judgeNumber, REFUSALS } from './judge-number.ts'
import type { LaneEntry } from './lane-entry.ts'
import type { LaneConnection, LaneHost } from './lane-host.ts'
import { LaneQueue } from './lane-queue.ts'
import type { Handled } from './message-handler.ts'
import { HoldfastError, type Id } from '../protocol/index.ts'

/** A number whose handler has ended. */
interface Done {
  readonly entry: LaneEntry
  readonly commit: Commit
  /** Text of the replies in the batch up to this one. */
  readonly units: number
}

/** What becomes of a message that published to a channel which cannot be made. */
const UNPUBLISHED: Fate = { kind: 'rejected', reason: 'unpublishable', message: 'what it published could not be taken in' }

const NONE: readonly LaneEntry[] = []
/** Numbers that commit together when their handlers answer at once. */
const BATCH = 128

/**
 * The one place where the numbers of a client id are applied: in order, one at a time, each once, whatever connection
 * they come on.
 */
export class ClientLane {
  readonly client: Id
  /** What the server remembers of the client; `null` when nothing. */
  record: ClientRecord | null = null
  /** Connections that send under this client id now. */
  readonly connections: Set<LaneConnection> = new Set()
  readonly #host: LaneHost
  readonly #confirmations: Confirmations
  readonly #queue = new LaneQueue()
  #batch: Done[] = []
  #isRunning = false
  #isStopping = false
  #runs = 0
  #isLoaded = false
  /** What was taken out of the queue last, until it is judged, or waits for its commit. */
  #taking: LaneEntry | undefined
  /** What was handed to the engine and not answered yet. */
  #committing: readonly LaneEntry[] = []
  #isCrowded = false
  #idle: (() => void)[] = []

  constructor(client: Id, host: LaneHost) {
    this.client = client
    this.#host = host
    this.#confirmations = new Confirmations(host.limits)
  }

  /** Whether no number is on its way. */
  get isIdle(): boolean {
    return !this.#isRunning && this.length === 0
  }

  /** Numbers on their way. */
  get length(): number {
    return this.#queue.length
  }

  /** The highest number of this user that may still commit; 0 when there is none. */
  begunBy(user: string | null): number {
    const waiting = this.#queue.waiting.filter(({ source }) => !source.isRefusing)
    let highest = 0
    for (const { n, source } of [...this.#begun(), ...waiting]) if (source.party.user === user) highest = Math.max(highest, n)
    return highest
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
    const { length } = this
    this.#queue.keep(this.#queue.waiting.filter(({ source }) => !source.isGone))
    this.#host.count('dropped.replaced', length - this.length)
  }

  /** The record has no more room: the connections end, when what is being committed is known to them. */
  crowd(): void {
    this.#isCrowded = this.#committing.length > 0
    if (!this.#isCrowded) for (const connection of this.connections) connection.crowd()
  }

  /** The client has confirmed something, or a connection is gone. */
  confirmed(): void {
    this.#confirmations.changed()
  }

  /** Takes numbers in the order they came. */
  push(entries: readonly LaneEntry[]): void {
    if (this.#isStopping) return this.#drop(entries)
    this.#queue.push(entries)
    if (!this.#isRunning) void this.#run()
  }

  /** Resolves when no number is on its way. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => (this.isIdle ? resolve() : void this.#idle.push(resolve)))
  }

  /** The server closes: drops what was not begun, and takes nothing more. */
  stop(): void {
    this.#isStopping = true
    const { waiting } = this.#queue
    this.#queue.keep([])
    this.#drop(waiting)
    this.confirmed()
  }

  #drop(entries: readonly LaneEntry[]): void {
    this.#host.count('dropped.closing', entries.length)
    for (const { source } of entries) source.left()
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
        const entry = this.#queue.take()
        if (entry === undefined) {
          const committing = this.#commit()
          if (committing !== undefined) await committing
          if (this.length === 0) break
          continue
        }
        this.#taking = entry
        const taking = this.#take(entry)
        if (taking !== undefined) await taking
        this.#taking = undefined
      }
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
    const verdict = judgeNumber(this.record, this.#batch.length, entry)
    if (verdict === 'next') {
      const isOwed = this.#confirmations.isOwed(this.record, this.#batch.length, this.#batch.at(-1)?.units ?? 0)
      return isOwed ? this.#whenConfirmed(entry) : this.#apply(entry)
    }
    if (this.#batch.length > 0) {
      // Known or not is judged by what is committed, not by what is about to be.
      return this.#commit()?.then(() => this.#take(entry)) ?? this.#take(entry)
    }
    source.left()
    this.#host.count(REFUSALS[verdict])
    if (verdict === 'unknown') source.unknownClient()
    else if (verdict === 'conflict') source.conflict(n)
    else if (verdict === 'gap') source.expected((this.record?.hi ?? 0) + 1)
    else source.again(n)
    return undefined
  }

  /** What a connection that is gone has left can be confirmed by nobody: its client sends it again. */
  async #whenConfirmed(entry: LaneEntry): Promise<void> {
    await this.#commit()
    this.#host.count('heldBack')
    const { source } = entry
    while (this.#confirmations.isOwed(this.record, 0, 0) && !source.isGone && !source.isRefusing && !this.#isStopping)
      await this.#confirmations.change()
    if (this.#isStopping) return this.#drop([entry])
    if (!source.isGone) return this.#take(entry)
    this.#host.count('dropped.unconfirmed')
    source.left()
  }

  #apply(entry: LaneEntry): Promise<void> | undefined {
    const { source, message, fate } = entry
    const handled: Awaitable<Handled | undefined> =
      message === undefined || fate !== undefined
        ? { fate: fate ?? { kind: 'skipped' }, publications: [] }
        : this.#host.handler.handle(message, source)
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
    this.#batch.push({ entry, commit: { n, id, ...handled }, units: (this.#batch.at(-1)?.units ?? 0) + unitsOf(handled.fate) })
  }

  #commit(): Promise<void> | undefined {
    const batch = this.#batch
    if (batch.length === 0) return undefined
    this.#batch = []
    this.#committing = batch.map(({ entry }) => entry)
    return this.#commitAll(batch)
  }

  #commitAll(batch: readonly Done[]): Promise<void> | undefined {
    const commits = batch.map(({ commit }) => commit)
    const { party, holder } = batch[0]?.entry.source ?? {}
    const committing = this.#host.engine.commit(this.client, party?.user ?? null, commits, holder)
    if (isPromise(committing)) return committing.then((answer) => this.#committed(batch, answer))
    return this.#committed(batch, committing)
  }

  #committed(batch: readonly Done[], answer: ClientRecord | 'behind' | Refusal): Promise<void> | undefined {
    if (answer === 'behind') throw new HoldfastError('protocol', 'Another node has committed numbers of this client.')
    if (typeof answer === 'string') return this.#divide(batch, answer)
    this.record = answer
    this.#committing = batch.length === this.#committing.length ? NONE : this.#committing.slice(batch.length)
    for (const { entry, commit } of batch) {
      this.#host.count(endOf(commit.fate))
      entry.source.left()
      entry.source.committed()
    }
    if (this.#isCrowded) this.crowd()
    return undefined
  }

  /**
   * One of these publishes to a channel that cannot be made. It would be the same at every repetition, and hold up what
   * is behind it for ever: that one has failed, and the others commit.
   */
  #divide(batch: readonly Done[], refusal: Refusal): Promise<void> | undefined {
    const [first] = batch
    if (first === undefined || batch.length > 1) {
      let before: Promise<void> | undefined
      for (const one of batch) before = before === undefined ? this.#commitAll([one]) : before.then(() => this.#commitAll([one]))
      return before
    }
    const { entry, commit } = first
    if (commit.publications.length === 0) throw new HoldfastError('protocol', 'The engine refused what publishes nothing.')
    const { id, message } = entry
    this.#host.log({ level: 'error', event: 'message_failed', id, channel: message?.channel ?? '', error: refusal })
    return this.#commitAll([{ ...first, commit: { ...commit, fate: UNPUBLISHED, publications: [] } }])
  }

  /** What has left the queue and is not committed, as far as is known. */
  #begun(): Set<LaneEntry> {
    const taking = this.#taking === undefined ? [] : [this.#taking]
    return new Set([...this.#committing, ...this.#batch.map(({ entry }) => entry), ...taking])
  }

  /** Nothing is known of what was on its way: the clients ask again, and the record is read again. */
  #abandon(error: unknown): void {
    this.#host.failed(error)
    const lost = [...this.#begun(), ...this.#queue.waiting]
    const sources = new Set(lost.map(({ source }) => source))
    this.#host.count('dropped.failed', lost.length)
    this.#taking = undefined
    this.#committing = []
    this.#isCrowded = false
    this.#batch = []
    this.#queue.keep([])
    this.#isLoaded = false
    for (const source of sources) source.failed()
  }
}
