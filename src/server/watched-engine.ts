import type { ChannelLog } from './channel-log.ts'
import type { ClientRecord } from './client-record.ts'
import { isPromise, within } from './deadline.ts'
import type { Admittance, Admitted, Awaitable, Commit, Ending, Engine, EngineCounts, EngineHost, Publication, Refusal } from './engine.ts'
import type { Clock } from './ports.ts'
import type { Holder } from './holder.ts'
import type { Cursor, Id, Reach } from '../protocol/index.ts'

/**
 * Longest wait for an answer. What comes later counts as unknown, as an error does: clients ask again, and numbers
 * decide.
 */
const ANSWER_MS = 30_000

/** What a server shows for a gauge that its engine cannot give: not zero, which it may be. */
const UNKNOWN: EngineCounts = { sessions: NaN, clients: NaN, channels: NaN, logMessages: NaN, logBytes: NaN, recordBytes: NaN }

/**
 * The engine as the server calls it. What an engine throws, rejects with, answers that is no answer, or does not answer
 * in time is told once, under the name of the method. Where somebody waits for the answer it is then thrown (or
 * rejected with), and the caller closes who asked. What nobody waits for ends nothing.
 */
export class WatchedEngine implements Engine {
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #failed: (method: keyof Engine, error: unknown) => void
  readonly #told = new WeakSet<object>()

  /** @param failed is told of every failure */
  constructor(engine: Engine, clock: Clock, failed: (method: keyof Engine, error: unknown) => void) {
    this.#engine = engine
    this.#clock = clock
    this.#failed = failed
  }

  /** Whether this error came out of the engine, and was told when it did. */
  hasTold(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#told.has(error)
  }

  /**
   * What it throws at once is for the app, whose server is not made then. It may wait for its storage as long as it
   * likes.
   */
  start(host: EngineHost): Awaitable<void> {
    const started = this.#engine.start(host)
    return isPromise(started) ? this.#settled('start', started, isAnything) : undefined
  }

  get ledger(): Id {
    return this.#read('ledger', () => this.#engine.ledger, isText)
  }

  get reach(): Reach {
    return this.#read('reach', () => this.#engine.reach, isReach)
  }

  get secret(): string {
    return this.#read('secret', () => this.#engine.secret, isText)
  }

  get revocations(): number {
    return this.#read('revocations', () => this.#engine.revocations, isNumber)
  }

  open(key: string): Awaitable<ChannelLog | Refusal> {
    return this.#ask('open', () => this.#engine.open(key), isLogOrRefusal)
  }

  release(key: string): void {
    this.#tell('release', () => this.#engine.release(key))
  }

  /**
   * It promises nothing: where it fails, the commit finds out what can be made, and a message is not rejected for the
   * engine's trouble.
   */
  probe(key: string, others: number, holder?: Holder): 'known' | 'new' | Refusal {
    try {
      return this.#read('probe', () => this.#engine.probe(key, others, holder), isFinding)
    } catch {
      return 'known'
    }
  }

  publish(publications: readonly Publication[], holder?: Holder): Awaitable<readonly Cursor[] | Refusal> {
    return this.#ask('publish', () => this.#engine.publish(publications, holder), isCursorsOrRefusal)
  }

  loadClient(client: Id): Awaitable<ClientRecord | null> {
    return this.#ask('loadClient', () => this.#engine.loadClient(client), isRecordOrNull)
  }

  commit(client: Id, user: string | null, commits: readonly Commit[], holder?: Holder): Awaitable<ClientRecord | 'behind' | Refusal> {
    return this.#ask('commit', () => this.#engine.commit(client, user, commits, holder), isCommitted)
  }

  confirm(client: Id, n: number): void {
    this.#run('confirm', () => this.#engine.confirm(client, n))
  }

  end(ending: Ending): Awaitable<void> {
    return this.#ask('end', () => this.#engine.end(ending))
  }

  revokedAt(client: Id, user: string | null): Awaitable<number> {
    return this.#ask('revokedAt', () => this.#engine.revokedAt(client, user), isNumber)
  }

  admit(admittance: Admittance): Awaitable<Admitted | null> {
    return this.#ask('admit', () => this.#engine.admit(admittance), isAdmittedOrNull)
  }

  forget(session: Id): Awaitable<void> {
    return this.#ask('forget', () => this.#engine.forget(session))
  }

  touch(sessions: readonly Id[], clients: readonly Id[]): void {
    this.#tell('touch', () => this.#engine.touch(sessions, clients))
  }

  sweep(): void {
    this.#tell('sweep', () => this.#engine.sweep())
  }

  counts(): EngineCounts {
    try {
      return this.#read('counts', () => this.#engine.counts(), areCounts)
    } catch {
      return UNKNOWN
    }
  }

  /** Never fails: the server closes all the same. */
  async close(): Promise<void> {
    try {
      await this.#ask('close', () => this.#engine.close())
    } catch {
      // It was told.
    }
  }

  #ask<T>(method: keyof Engine, call: () => Awaitable<T>, isAnswer: (answer: unknown) => boolean = isAnything): Awaitable<T> {
    const answer = this.#call(method, call)
    if (!isPromise(answer)) return this.#checked(method, answer, isAnswer)
    return this.#settled(method, within(this.#clock, ANSWER_MS, answer), isAnswer)
  }

  #settled<T>(method: keyof Engine, answer: PromiseLike<T>, isAnswer: (answer: unknown) => boolean): Promise<T> {
    return Promise.resolve(answer).then(
      (settled) => this.#checked(method, settled, isAnswer),
      (error: unknown) => this.#fail(method, error),
    )
  }

  /** For what answers at once: a promise is no answer, however it ends. */
  #read<T>(method: keyof Engine, call: () => T, isAnswer: (answer: unknown) => boolean): T {
    const answer = this.#call(method, call)
    if (isPromise(answer)) answer.then(undefined, () => {})
    return this.#checked(method, answer, isAnswer)
  }

  /**
   * For what gives nothing. Where it gives a promise all the same, it is told how that fails, and nobody waits for it.
   */
  #run(method: keyof Engine, call: () => unknown): void {
    const given = this.#call(method, call)
    if (isPromise(given)) given.then(undefined, (error: unknown) => this.#note(method, error))
  }

  #tell(method: keyof Engine, call: () => unknown): void {
    try {
      this.#run(method, call)
    } catch {
      // It was told.
    }
  }

  #call<T>(method: keyof Engine, call: () => T): T {
    try {
      return call()
    } catch (error) {
      return this.#fail(method, error)
    }
  }

  #checked<T>(method: keyof Engine, answer: T, isAnswer: (answer: unknown) => boolean): T {
    return isAnswer(answer) ? answer : this.#fail(method, new TypeError(`The engine's ${method} gave what is no answer.`))
  }

  #fail(method: keyof Engine, error: unknown): never {
    const failure = error instanceof Error ? error : new Error(`The engine's ${method} failed.`, { cause: error })
    this.#note(method, failure)
    throw failure
  }

  #note(method: keyof Engine, error: unknown): void {
    if (typeof error === 'object' && error !== null) this.#told.add(error)
    this.#failed(method, error)
  }
}

const isAnything = (): boolean => true
const isText = (answer: unknown): boolean => typeof answer === 'string'
const isNumber = (answer: unknown): boolean => typeof answer === 'number'
const isRefusal = (answer: unknown): boolean => answer === 'no-room' || answer === 'no-history'
const isFinding = (answer: unknown): boolean => answer === 'known' || answer === 'new' || isRefusal(answer)
const isCursorsOrRefusal = (answer: unknown): boolean => Array.isArray(answer) || isRefusal(answer)
const isReach = (answer: unknown): boolean => hasNumber(answer, 'made') && hasNumber(answer, 'forgotten')
const isLogOrRefusal = (answer: unknown): boolean => hasNumber(answer, 'head') || isRefusal(answer)
const isRecordOrNull = (answer: unknown): boolean => answer === null || hasNumber(answer, 'hi')
const isCommitted = (answer: unknown): boolean => hasNumber(answer, 'hi') || answer === 'behind' || isRefusal(answer)
const isAdmittedOrNull = (answer: unknown): boolean => answer === null || hasNumber(answer, 'connection')
const areCounts = (answer: unknown): boolean => Object.keys(UNKNOWN).every((name) => hasNumber(answer, name))

function hasNumber(answer: unknown, name: string): boolean {
  return typeof answer === 'object' && answer !== null && typeof (answer as Record<string, unknown>)[name] === 'number'
}
