import { Buffer } from 'node:buffer'
import type { Id, Outcome, RecalledFate, RejectionReason, ReplyLoss } from '../protocol/index.ts'

/** What became of a number. `undefined` stands for the common case: applied, without a reply. Replies are JSON text. */
export type Fate =
  | { readonly kind: 'applied'; readonly reply: string }
  | { readonly kind: 'unreplied'; readonly why: ReplyLoss }
  | { readonly kind: 'rejected'; readonly reason: RejectionReason; readonly message: string }
  | { readonly kind: 'skipped' }
  | undefined

/** Numbers whose id and fate are kept though the client has confirmed them. */
const KEPT_NUMBERS = 32
const ID_LENGTH = 22
/** What a record takes, without and per number: measured. */
const RECORD_BYTES = 512
const NUMBER_BYTES = 48
/** What a packed record has instead of an array of its own. Never changed: using the record gives it one again. */
const NONE: Id[] = []

/**
 * What the server remembers of a client id: the highest committed number, and id and fate of every number above what
 * the client confirmed and of the last 32. Engines keep it and change it; everything else only reads.
 */
export class ClientRecord {
  /** The user who first sent with this client id; to anyone else it is unknown. */
  readonly user: string | null
  #ids: Id[] = []
  /** The ids while nobody asks for them: six bits for each of their characters. */
  #packed: string | undefined
  #fates: Map<number, NonNullable<Fate>> | undefined
  #hi = 0
  #confirmed = 0
  #unconfirmedUnits = 0
  /** The same of every number that is still known. */
  #units = 0

  constructor(user: string | null) {
    this.user = user
  }

  /** Highest committed number. */
  get hi(): number {
    return this.#hi
  }

  /** Numbers above what the client confirmed. */
  get unconfirmed(): number {
    return this.#hi - this.#confirmed
  }

  /** JSON text of the replies above what the client confirmed, in UTF-16 units. */
  get unconfirmedUnits(): number {
    return this.#unconfirmedUnits
  }

  /** About what it takes, whether it is packed or not: other engines count by it, too. */
  get bytes(): number {
    return RECORD_BYTES + this.#count * NUMBER_BYTES + this.#units
  }

  /** The message id at a number, when it is still known. */
  idAt(n: number): Id | undefined {
    return this.#known[n - this.oldest]
  }

  /**
   * Makes the record small until it is next used. Most clients that a server remembers are away, and a thousand bytes
   * each is what they may cost.
   */
  pack(): void {
    if (this.#packed !== undefined || this.#ids.length === 0) return
    this.#forget()
    const joined = this.#ids.join('')
    this.#packed = Buffer.from(joined.padEnd(Math.ceil(joined.length / 4) * 4, 'A'), 'base64url').toString('latin1')
    this.#ids = NONE
  }

  /** What became of a number that is still known. */
  fateAt(n: number): Fate {
    return this.#fates?.get(n)
  }

  /** Commits the next number. */
  commit(id: Id, fate: Fate): void {
    this.#hi++
    this.#known.push(id)
    if (fate !== undefined) (this.#fates ??= new Map()).set(this.#hi, fate)
    this.#unconfirmedUnits += unitsOf(fate)
    this.#units += unitsOf(fate)
    // Trimming in bulk keeps a long burst linear; what is kept stays bounded by twice the promise.
    if (this.#ids.length > 4 * KEPT_NUMBERS) this.#forget()
  }

  /**
   * The client has stored the stable ack of everything up to `n`. Beyond `hi` it cannot know anything: that part is
   * ignored.
   */
  confirm(n: number): void {
    const confirmed = Math.min(n, this.#hi)
    if (confirmed <= this.#confirmed) return
    for (let number = this.#confirmed + 1; number <= confirmed; number++) this.#unconfirmedUnits -= unitsOf(this.fateAt(number))
    this.#confirmed = confirmed
    this.#forget()
  }

  /** Numbers with these ids that are still known, and what became of them. */
  recall(ids: readonly Id[]): { id: Id; fate: Fate }[] {
    const wanted = new Set(ids)
    return this.#known.flatMap((id, at) => (wanted.has(id) ? [{ id, fate: this.fateAt(this.oldest + at) }] : []))
  }

  /** Lowest number whose id is still known. */
  get oldest(): number {
    return this.#hi - this.#known.length + 1
  }

  get #count(): number {
    return this.#packed === undefined ? this.#ids.length : Math.floor((this.#packed.length * 4) / 3 / ID_LENGTH)
  }

  get #known(): Id[] {
    if (this.#packed === undefined) return this.#ids
    const joined = Buffer.from(this.#packed, 'latin1').toString('base64url')
    const count = Math.floor(joined.length / ID_LENGTH)
    this.#packed = undefined
    return (this.#ids = Array.from({ length: count }, (_, at) => joined.slice(at * ID_LENGTH, (at + 1) * ID_LENGTH)))
  }

  #forget(): void {
    const keepFrom = Math.min(this.#confirmed + 1, this.#hi - KEPT_NUMBERS + 1)
    const oldest = this.oldest
    if (keepFrom <= oldest) return
    for (let n = oldest; n < keepFrom; n++) {
      this.#units -= unitsOf(this.fateAt(n))
      this.#fates?.delete(n)
    }
    this.#ids = this.#known.slice(keepFrom - oldest)
    if (this.#fates?.size === 0) this.#fates = undefined
  }
}

/** What a number adds to a record. */
export function bytesOf(fate: Fate): number {
  return NUMBER_BYTES + unitsOf(fate)
}

/** Text that the fate keeps, in UTF-16 units. */
export function unitsOf(fate: Fate): number {
  return fate?.kind === 'applied' ? fate.reply.length : fate?.kind === 'rejected' ? fate.message.length : 0
}

/** How a number has ended, whatever is known of its reply. */
export function endOf(fate: Fate): 'applied' | 'rejected' | 'skipped' {
  return fate === undefined || fate.kind === 'unreplied' ? 'applied' : fate.kind
}

/** The fate as an `ack` tells it, as JSON text; `undefined` when there is nothing to tell. */
export function outcomeText(n: number, fate: Fate): string | undefined {
  switch (fate?.kind) {
    case 'applied':
      return `{"n":${n},"reply":${fate.reply}}`
    case 'unreplied':
      return JSON.stringify({ n, replyLost: fate.why } satisfies Outcome)
    case 'rejected':
      return JSON.stringify({ n, rejected: fate.reason, message: fate.message } satisfies Outcome)
    case 'skipped':
      return `{"n":${n},"skipped":true}`
    case undefined:
      return undefined
  }
}

/** The fate as `recalled` tells it, as JSON text. Where `withReply` is false, a reply is said to be dropped. */
export function recalledText(id: Id, fate: Fate, withReply: boolean): string {
  switch (fate?.kind) {
    case 'applied':
      if (withReply) return `{"id":"${id}","fate":"applied","reply":${fate.reply}}`
      return JSON.stringify({ id, fate: 'applied', replyLost: 'dropped' } satisfies RecalledFate)
    case 'unreplied':
      return JSON.stringify({ id, fate: 'applied', replyLost: fate.why } satisfies RecalledFate)
    case 'rejected':
      return JSON.stringify({ id, fate: 'rejected', rejected: fate.reason, message: fate.message } satisfies RecalledFate)
    case 'skipped':
    case undefined:
      return `{"id":"${id}","fate":"${fate?.kind ?? 'applied'}"}`
  }
}
