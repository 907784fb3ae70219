import type { ClientLane } from './client-lane.ts'
import type { ConnectionHost } from './connection-host.ts'
import { outcomeText } from './client-record.ts'
import { byteLength } from './encode-data.ts'
import type { Engine } from './engine.ts'
import type { Flushable, Flusher } from './flusher.ts'
import type { Holder } from './holder.ts'
import { laneEntry, type LaneEntry, type LaneSource } from './lane-entry.ts'
import type { Outbound } from './outbound.ts'
import type { Party } from './party.ts'
import type { ReadingPace } from './reading-pace.ts'
import type { Answer, CloseName, Id, Send, Skip } from '../protocol/index.ts'

/** What a client that was admitted sends, and over which socket it is told about it. */
export interface UpwardAdmission {
  readonly party: Party
  /** Whose share what it makes the server keep takes. */
  readonly holder: Holder
  readonly lane: ClientLane
  readonly outbound: Outbound
  /** Highest number whose stable ack the client has stored. */
  readonly confirmed: number
  /** How fast the client may go on. */
  readonly pace: ReadingPace
  /** What kept the connection from reading is over. */
  readonly goOn: () => void
  /** Closes the connection, with a sentence that says why. */
  readonly close: (name: CloseName, why?: string) => void
}

/** What the upward side of a connection needs of it. */
export interface UpstreamHost extends Omit<UpwardAdmission, 'lane' | 'confirmed' | 'goOn'> {
  readonly flusher: Flusher
  readonly engine: Engine
  readonly frameBytes: number
  readonly messageBytes: number
  readonly sendWindow: number
  count(name: string, count?: number): void
}

/** Room for the envelope of an `ack`. */
const ENVELOPE_BYTES = 512

/** The upward side of a connection that was admitted. */
export function openUpstream(host: ConnectionHost, { party, holder, lane, outbound, confirmed, pace, close }: UpwardAdmission): Upstream {
  const { settings, engine, flusher } = host
  const { frameBytes, messageBytes, sendWindow } = settings.limits
  const count = (name: string, times?: number): void => host.count(name, times)
  return new Upstream(
    { party, holder, outbound, flusher, engine, frameBytes, messageBytes, sendWindow, pace, count, close },
    lane,
    confirmed,
  )
}

/** What one connection sends under its client id, and what it is told about it. */
export class Upstream implements LaneSource, Flushable {
  readonly party: Party
  readonly holder: Holder
  isRefusing = false
  isGone = false
  readonly #host: UpstreamHost
  readonly #lane: ClientLane
  #waiting = 0
  /** Up to here the client knows the outcomes: it was told on this connection, or confirmed them before. */
  #told: number
  #again: number[] = []
  #isAckDue: boolean
  #expected: number | undefined
  /** What was said last: one gap has many numbers behind it, and is told once. */
  #saidExpected = 0

  /** What is owed from before, above `confirmed`, is told with the first flush. */
  constructor(host: UpstreamHost, lane: ClientLane, confirmed: number) {
    this.party = host.party
    this.holder = host.holder
    this.#host = host
    this.#lane = lane
    const hi = this.known()?.hi ?? 0
    this.#told = Math.min(confirmed, hi)
    this.#isAckDue = hi > confirmed
    if (this.known() !== null) host.engine.confirm(lane.client, confirmed)
    lane.confirmed()
  }

  /** What the answer to `hello` says of the client; `null` when nothing is known of it, or not to this user. */
  known(): { hi: number; id: Id } | null {
    const { record } = this.#lane
    return record === null || record.user !== this.party.user ? null : { hi: record.hi, id: record.idAt(record.hi) ?? '' }
  }

  /** The same with what came by other connections and may still commit. */
  said(): Pick<Answer, 'client' | 'begun'> {
    const client = this.known()
    const begun = this.#lane.begunBy(this.party.user)
    return { client, ...(begun > (client?.hi ?? 0) ? { begun } : {}) }
  }

  /** Whether numbers of this connection are on their way. */
  get isBusy(): boolean {
    return this.#waiting > 0
  }

  /** Takes the messages of a `send`; `length` is that of its frame, in UTF-16 units. */
  send({ messages, confirmed }: Send, length: number): void {
    this.#host.pace.messages(messages.length)
    if (this.known() !== null) this.#host.engine.confirm(this.#lane.client, confirmed)
    this.#lane.confirmed()
    const { client } = this.#lane
    // A UTF-16 unit has at most three bytes of UTF-8: only a frame that large can hold a message over the limit.
    const most = length * 3 > this.#host.messageBytes ? this.#host.messageBytes : undefined
    this.#push(messages.length, () => messages.map((message) => laneEntry(this, client, message, most)))
  }

  /** Takes the numbers of a `skip`. */
  skip({ numbers }: Skip): void {
    this.#host.pace.messages(numbers.length)
    this.#push(numbers.length, () => numbers.map(({ n, id }) => ({ source: this, n, id, message: undefined })))
  }

  left(): void {
    this.#waiting--
  }

  committed(): void {
    this.#isAckDue = true
    this.#host.flusher.mark(this)
  }

  again(n: number): void {
    if (n <= this.#told) this.#again.push(n)
    this.committed()
  }

  expected(n: number): void {
    this.#expected = n
    this.#host.flusher.mark(this)
  }

  conflict(n: number): void {
    this.isRefusing = true
    this.flush()
    this.#host.outbound.send({ type: 'conflict', n })
  }

  unknownClient(): void {
    this.isRefusing = true
    this.flush()
    this.#host.outbound.send({ type: 'unknown_client' })
  }

  failed(): void {
    this.isRefusing = true
    this.#host.close('internal')
  }

  /**
   * One `ack` for everything since the last. Outcomes that do not fit into one frame come in several, each up to where
   * its outcomes reach.
   */
  flush(): void {
    if (this.isGone) return
    if (this.#isAckDue) this.#ack()
    const n = this.#expected
    this.#expected = undefined
    // Not when it has come meanwhile, by another connection.
    if (n === undefined || n === this.#saidExpected || n <= (this.#lane.record?.hi ?? 0)) return
    this.#saidExpected = n
    this.#host.outbound.send({ type: 'expected', n })
  }

  #ack(): void {
    const { record } = this.#lane
    const again = this.#again
    this.#again = []
    this.#isAckDue = false
    if (record === null) return
    const { hi } = record
    let outcomes: string[] = []
    let bytes = ENVELOPE_BYTES
    const tell = (n: number): void => {
      const text = outcomeText(n, record.fateAt(n))
      if (text === undefined) return
      const size = byteLength(text) + 1
      if (bytes + size > this.#host.frameBytes && outcomes.length > 0) {
        // `hi` never falls on a connection, and a number must not be covered before its outcome is told.
        this.#sendAck(Math.max(this.#told, n - 1), outcomes)
        outcomes = []
        bytes = ENVELOPE_BYTES
      }
      outcomes.push(text)
      bytes += size
    }
    for (const n of again) tell(n)
    for (let n = this.#told + 1; n <= hi; n++) tell(n)
    this.#sendAck(hi, outcomes)
  }

  #sendAck(hi: number, outcomes: readonly string[]): void {
    const id = this.#lane.record?.idAt(hi)
    // The id at a number that is no longer remembered cannot be said; a later ack covers it.
    if (id === undefined) return
    this.#told = Math.max(this.#told, hi)
    this.#host.outbound.sendText(`{"type":"ack","hi":${hi},"stable":${hi},"id":"${id}","outcomes":[${outcomes.join(',')}]}`)
  }

  #push(count: number, entries: () => LaneEntry[]): void {
    const { sendWindow } = this.#host
    if (this.#waiting + count > 2 * sendWindow) {
      this.isRefusing = true
      this.#host.close('rate', 'P16: more than twice sendWindow above the last ack')
      return
    }
    this.#host.count('received', count)
    this.#waiting += count
    this.#lane.push(entries())
  }
}
