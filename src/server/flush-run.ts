import type { ClientLane, LaneSource } from './client-lane.ts'
import { outcomeText, type ClientRecord } from './client-record.ts'
import { byteLength } from './encode-data.ts'
import { laneEntry } from './lane-entry.ts'
import { PROTOCOL_VERSION, type Flush, type FlushRefusal, type Id } from '../protocol/index.ts'

/** Why a flush is refused, and the number it is about. */
export interface Refusal {
  readonly reason: FlushRefusal
  readonly n?: number
}

/** What a flush may cost. */
export interface FlushBounds {
  /** A message that is larger is rejected as `too-large`. */
  readonly messageBytes: number
  /** Largest answer. */
  readonly frameBytes: number
  /** Most text of replies that the server keeps for a client. */
  readonly replyBytes: number
}

/** Room for the fields of the answer that are no outcomes. */
const ENVELOPE_BYTES = 4_096

/** One flush on its way through the lane of its client, beside whatever connections the client has. */
export class FlushRun implements LaneSource {
  readonly user: string | null
  isRefusing = false
  isGone = false
  /** Resolves when every number has left the lane, or `end` was called. */
  readonly ended: Promise<void>
  readonly #flush: Flush
  readonly #lane: ClientLane
  readonly #bounds: FlushBounds
  #waiting: number
  #refusal: Refusal | undefined
  #resolve = (): void => {}

  constructor(flush: Flush, lane: ClientLane, bounds: FlushBounds) {
    this.user = flush.user
    this.#flush = flush
    this.#lane = lane
    this.#bounds = bounds
    this.#waiting = flush.entries.length
    this.ended = new Promise((resolve) => (this.#resolve = resolve))
  }

  /** Puts the numbers into the lane. */
  begin(): void {
    const { client, entries } = this.#flush
    this.#lane.push(
      entries.map((entry) =>
        'skip' in entry
          ? { source: this, n: entry.n, id: entry.id, message: undefined }
          : laneEntry(this, client, entry, this.#bounds.messageBytes),
      ),
    )
  }

  /** Waits no longer: what was not begun is not applied any more. */
  end(): void {
    this.isRefusing = true
    this.isGone = true
    this.#resolve()
  }

  left(): void {
    // The lane says what it thinks of a number after it let go of it: the answer is made a turn later.
    if (--this.#waiting === 0) this.#resolve()
  }

  committed(): void {
    if ((this.#lane.record?.unconfirmedUnits ?? 0) > this.#bounds.replyBytes) this.isRefusing = true
  }

  again(): void {
    // It is in the answer all the same: outcomes are told from `confirmed` on.
  }

  expected(n: number): void {
    this.#refuse({ reason: 'expected', n })
  }

  conflict(n: number): void {
    this.#refuse({ reason: 'conflict', n })
  }

  unknownClient(): void {
    this.#refuse({ reason: 'unknown_client' })
  }

  failed(): void {
    this.#refuse({ reason: 'busy' })
    this.#resolve()
  }

  /** What came of it so far: `flushed` as JSON text, or why not. */
  answer(ledger: Id): string | Refusal {
    const { record } = this.#lane
    if (this.#refusal !== undefined) return this.#refusal
    const first = this.#flush.entries[0]?.n ?? 1
    // Nothing of it is committed: an answer that moves nothing would be sent again at once.
    if (record === null || record.user !== this.user || record.hi < first) return { reason: 'busy' }
    const { hi } = record
    const { stable, outcomes } = this.#outcomes(record)
    const said = {
      type: 'flushed',
      protocol: PROTOCOL_VERSION,
      user: this.user,
      ledger,
      client: { hi, id: record.idAt(hi) },
      hi,
      stable,
      id: record.idAt(stable),
    }
    return `${JSON.stringify(said).slice(0, -1)},"outcomes":[${outcomes.join(',')}]}`
  }

  /** What the client was not told, and up to where: outcomes that do not fit are told when the client has confirmed these. */
  #outcomes(record: ClientRecord): { readonly stable: number; readonly outcomes: readonly string[] } {
    const outcomes: string[] = []
    let bytes = ENVELOPE_BYTES
    for (let n = Math.max(this.#flush.confirmed + 1, record.oldest); n <= record.hi; n++) {
      const text = outcomeText(n, record.fateAt(n))
      if (text === undefined) continue
      bytes += byteLength(text) + 1
      if (bytes > this.#bounds.frameBytes && outcomes.length > 0) return { stable: n - 1, outcomes }
      outcomes.push(text)
    }
    return { stable: record.hi, outcomes }
  }

  #refuse(refusal: Refusal): void {
    this.isRefusing = true
    this.#refusal ??= refusal
  }
}
