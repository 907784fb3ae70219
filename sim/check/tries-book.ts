import type { Process } from '../world/process.ts'
import type { World } from '../world/world.ts'

const MAX_TRIES_A_MINUTE = 20
/** A minute, less what clocks that tell whole milliseconds may be off. */
const WINDOW_MS = 59_990
/** A link that has held for so long forgives the tries before it, however short `stableAfterMs` is. */
const FORGIVING_MS = 5_000
/** A page has so long to give a credential, before another one is asked. */
const CREDENTIAL_MS = 10_100

/** The tries of one hub. */
interface Tries {
  readonly atMs: number[]
  lastMs: number | null
  /** Since when pages are asked for a credential, and when the last one was. */
  askedMs: readonly [first: number, last: number] | null
  /** Tries that were not answered, since the delays began anew. */
  failures: number
  /** When the first of them began. */
  troubledMs: number | null
  /** When the last one was answered. */
  answeredMs: number | null
  /** When its connection ended. */
  endedMs: number | null
  /** The last one was refused: only what {@link mayHurry} notes brings another. */
  isRefused: boolean
  /** Something has come since that is a reason not to wait. */
  mayHurry: boolean
}

/** Holds what hubs open to the limit of tries, and the waits between them to the backoff (I34): seen from outside, from socket to socket. */
export class TriesBook {
  readonly #world: World
  readonly #hubs = new Map<Process, Tries>()

  constructor(world: World) {
    this.#world = world
  }

  /** A hub opens a socket. */
  opens(hub: Process): void {
    const { check, schedule, totals } = this.#world
    const { nowMs } = schedule
    this.#world.trace('opens', hub.name)
    totals.count('tries')
    const tries = this.#of(hub)
    if (tries.lastMs !== null) this.#holdsWait(hub, tries, nowMs)
    if (this.#hasHeld(tries, FORGIVING_MS)) tries.atMs.length = 0
    // Tries are counted when they begin, which is with the question for a credential.
    const beganMs = tries.askedMs?.[0] ?? nowMs
    while ((tries.atMs[0] ?? beganMs) <= beganMs - WINDOW_MS) tries.atMs.shift()
    tries.atMs.push(beganMs)
    tries.askedMs = null
    tries.lastMs = nowMs
    // Until it is answered.
    tries.failures++
    tries.troubledMs ??= nowMs
    tries.answeredMs = tries.endedMs = null
    tries.isRefused = false
    tries.mayHurry = false
    check.holds(tries.atMs.length <= MAX_TRIES_A_MINUTE, 'I34', () => `${hub.name} opened ${tries.atMs.length} sockets in a minute`)
  }

  /** The answer to `hello` is here. */
  answered(hub: Process): void {
    const tries = this.#of(hub)
    this.#wasNoFailure(tries)
    tries.answeredMs = this.#world.schedule.nowMs
  }

  /** Its connection ended, by whichever side. */
  ended(hub: Process): void {
    const tries = this.#of(hub)
    if (tries.answeredMs !== null) tries.endedMs ??= this.#world.schedule.nowMs
  }

  /** A close code that refuses has reached the hub. A try that ends so is no failure: no wait follows it, but nothing at all until somebody acts (CN7, SO9). */
  refused(hub: Process): void {
    const tries = this.#of(hub)
    // An accepted connection with a credential that has ended is another matter.
    if (tries.answeredMs !== null) return
    this.#wasNoFailure(tries)
    tries.isRefused = true
  }

  /** The hub begins with a new store. It drops the socket it has, or waits for, without calling that a failure. */
  beginsAgain(hub: Process): void {
    const tries = this.#of(hub)
    this.#wasStable(tries)
    this.#wasNoFailure(tries)
    tries.answeredMs = Infinity
  }

  /** The server said when to come back, which counts instead of the backoff. */
  mayHurry(hub: Process): void {
    this.#of(hub).mayHurry = true
  }

  /** The hub says something to a page. */
  says(hub: Process, data: unknown): void {
    if ((data as { readonly path?: readonly string[] }).path?.[0] !== 'credential') return
    const { nowMs } = this.#world.schedule
    const tries = this.#of(hub)
    const [first, last] = tries.askedMs ?? [nowMs, nowMs]
    tries.askedMs = [nowMs - last > CREDENTIAL_MS ? nowMs : first, nowMs]
  }

  /** A page says something to the hub. */
  hears(hub: Process, data: unknown): void {
    if (!(data instanceof Object)) return
    const { path, argumentList } = data as {
      readonly path?: readonly string[]
      readonly argumentList?: readonly { readonly value?: unknown }[]
    }
    // Who signs out has the hub send what it can first, now.
    if (path?.[0] !== 'attach' && path?.[0] !== 'signal' && path?.[0] !== 'signOut') return
    const tries = this.#of(hub)
    tries.mayHurry = true
    if (argumentList?.[0]?.value === 'retry') this.#beginAnew(tries)
  }

  /** The clock that counts a hub's tries has jumped. */
  forget(hub: Process): void {
    const tries = this.#of(hub)
    tries.atMs.length = 0
    // What it takes for the time since its last socket, and since the trouble began, is another.
    tries.mayHurry = true
    tries.troubledMs = null
  }

  /** The user has left: what this hub does next it does for another client, whose tries are counted anew. */
  left(hub: Process): void {
    this.#hubs.delete(hub)
  }

  /** The delay grows with every failure in a row and with the time they take, and begins anew only after a connection that was stable. */
  #holdsWait(hub: Process, tries: Tries, nowMs: number): void {
    const { check, settings } = this.#world
    const lastMs = tries.lastMs ?? nowMs
    const waitedMs = nowMs - lastMs
    const { baseDelayMs = 0, maxDelayMs = 0, jitter = 1 } = settings.connect.reconnect ?? {}
    if (tries.answeredMs !== null) return this.#wasStable(tries)
    if (tries.mayHurry) return
    check.holds(!tries.isRefused, 'I34', () => `${hub.name} tried again ${waitedMs} ms after it was refused, and nobody asked for it`)
    const troubledMs = lastMs - (tries.troubledMs ?? lastMs)
    const leastMs = (1 - jitter) * Math.min(maxDelayMs, baseDelayMs * 2 ** (tries.failures - 1), baseDelayMs + 2 * troubledMs)
    const what = (): string => `${hub.name} waited ${waitedMs} ms after ${tries.failures} failures in a row, less than ${leastMs}`
    check.holds(waitedMs >= leastMs - 1, 'I34', what)
  }

  /** The last try counted as a failure until it was known better. */
  #wasNoFailure(tries: Tries): void {
    if (tries.answeredMs !== null || tries.isRefused || tries.failures === 0) return
    tries.failures--
    if (tries.failures === 0) tries.troubledMs = null
  }

  /** The last connection may have held for so long that the delays begin anew. */
  #wasStable(tries: Tries): void {
    if (this.#hasHeld(tries, 0)) this.#beginAnew(tries)
  }

  #hasHeld({ answeredMs, endedMs }: Tries, leastMs: number): boolean {
    const { schedule, settings } = this.#world
    const stableAfterMs = settings.connect.reconnect?.stableAfterMs ?? 0
    return answeredMs !== null && (endedMs ?? schedule.nowMs) - answeredMs >= Math.max(stableAfterMs, leastMs)
  }

  #beginAnew(tries: Tries): void {
    tries.failures = 0
    tries.troubledMs = null
  }

  #of(hub: Process): Tries {
    const known = this.#hubs.get(hub)
    if (known) return known
    const tries: Tries = {
      atMs: [],
      lastMs: null,
      askedMs: null,
      failures: 0,
      troubledMs: null,
      answeredMs: null,
      endedMs: null,
      isRefused: false,
      mayHurry: false,
    }
    this.#hubs.set(hub, tries)
    return tries
  }
}
