import { Buffer } from 'node:buffer'
import { byteLength } from './encode-data.ts'
import { PART_BYTES } from '../protocol/frames.ts'
import type { Cursor, HistoryLimits, Id } from '../protocol/index.ts'

/** Why a place cannot be kept, and which offsets are known to be missing. */
export interface LostPlace {
  readonly reason: 'trimmed' | 'epoch' | 'diverged'
  readonly from?: number
  readonly to?: number
}

/** A run of messages, encoded and joined by commas. */
export interface Chunk {
  readonly body: string
  readonly bytes: number
  readonly count: number
  /** Offset and id of its last message. */
  readonly to: number
  readonly toId: Id
}

/** Most messages of one chunk, so that no receiver keeps the others waiting. */
export const CHUNK_MESSAGES = 500
/** Most bytes of one chunk, so that it travels in one piece; a single message may be larger. */
export const CHUNK_BYTES: number = PART_BYTES - 256

const OFFSET_AT = '{"offset":'.length
const ID_AFTER = ',"id":"'.length
const ID_LENGTH = 22

/**
 * The bounded log of one channel. Pure: time comes with each call. Epoch, head and the ids at head and before the
 * oldest message outlive the messages, so that a client that missed nothing is told so however long it was away.
 *
 * A message is kept as its encoded text and nothing else; its id is read out of the text.
 */
export class ChannelLog {
  readonly limits: HistoryLimits
  #epoch: Id
  #head = 0
  #beforeId: Id | '' = ''
  #texts: string[] = []
  #timesMs: number[] = []
  /** Index of the oldest kept message; what is before it is dropped in bulk. */
  #first = 0
  #bytes = 0
  #written = 0

  constructor(epoch: Id, limits: HistoryLimits) {
    this.#epoch = epoch
    this.limits = limits
  }

  get epoch(): Id {
    return this.#epoch
  }

  /** Offset of the newest message ever appended in this epoch. */
  get head(): number {
    return this.#head
  }

  /** Offset of the oldest kept message; head + 1 when none is kept. */
  get lo(): number {
    return this.#head - this.size + 1
  }

  /** Messages kept. */
  get size(): number {
    return this.#texts.length - this.#first
  }

  /** UTF-8 bytes kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** UTF-8 bytes ever appended. */
  get written(): number {
    return this.#written
  }

  /** The place of somebody who has everything. */
  headCursor(): Cursor {
    return { epoch: this.#epoch, offset: this.#head, id: this.#idAt(this.#head) }
  }

  /**
   * Appends a message whose data is JSON text already; returns its offset. The newest message is never trimmed for its
   * size.
   */
  append(id: Id, data: string, origin: Id | undefined, nowMs: number): number {
    const offset = ++this.#head
    const tail = origin === undefined ? '}' : `,"origin":"${origin}"}`
    const text = flatten(`{"offset":${offset},"id":"${id}","data":${data}${tail}`)
    this.#texts.push(text)
    this.#timesMs.push(nowMs)
    const bytes = byteLength(text)
    this.#bytes += bytes
    this.#written += bytes
    this.trim(nowMs)
    return offset
  }

  /** Drops what is over the limits. Called with each append, and now and then for the age. */
  trim(nowMs: number): void {
    const { messages, bytes, ageMs } = this.limits
    while (this.size > 1 && (this.size > messages || this.#bytes > bytes)) this.dropOldest()
    while (this.size > 0 && (this.#timesMs[this.#first] ?? nowMs) + ageMs < nowMs) this.dropOldest()
    if (this.#first > 64 && this.#first * 2 > this.#texts.length) {
      this.#texts = this.#texts.slice(this.#first)
      this.#timesMs = this.#timesMs.slice(this.#first)
      this.#first = 0
    }
  }

  /** Begins a new epoch with nothing in it: the log was lost. Every place of the old one is lost with it. */
  restart(epoch: Id): void {
    this.#epoch = epoch
    this.#head = 0
    this.#beforeId = ''
    this.#texts = []
    this.#timesMs = []
    this.#first = 0
    this.#bytes = 0
  }

  /** What is wrong with a place, or `null` when the log can go on from it. */
  judge(place: Cursor): LostPlace | null {
    if (place.epoch !== this.#epoch) return { reason: 'epoch' }
    if (place.offset > this.#head) return { reason: 'diverged' }
    if (place.offset < this.lo - 1) return { reason: 'trimmed', from: place.offset + 1, to: this.lo - 1 }
    return this.#isIdAt(place.offset, place.id) ? null : { reason: 'diverged' }
  }

  /**
   * The messages after `after`, up to `upTo`, as many as fit into a chunk and into `maxBytes`; at least one. Call it
   * for a place that was just judged good and is below `upTo`.
   */
  read(after: number, upTo: number, maxBytes: number = CHUNK_BYTES): Chunk {
    let at = this.#first + after - this.lo + 1
    const end = Math.min(at + Math.min(upTo - after, CHUNK_MESSAGES), this.#texts.length)
    const begin = at
    let bytes = 0
    while (at < end) {
      const size = byteLength(this.#texts[at] ?? '')
      if (at > begin && bytes + size > maxBytes) break
      bytes += size + 1
      at++
    }
    const to = after + at - begin
    return { body: this.#texts.slice(begin, at).join(','), bytes, count: at - begin, to, toId: this.#idAt(to) }
  }

  /** Drops the oldest message that is kept. */
  dropOldest(): void {
    if (this.size === 0) return
    const text = this.#texts[this.#first] ?? ''
    this.#beforeId = this.#idAt(this.lo)
    this.#bytes -= byteLength(text)
    this.#texts[this.#first] = ''
    this.#first++
  }

  #idAt(offset: number): Id | '' {
    if (offset === this.lo - 1) return this.#beforeId
    const begin = idBegin(offset)
    return copy(this.#text(offset).slice(begin, begin + ID_LENGTH))
  }

  #isIdAt(offset: number, id: Id | ''): boolean {
    if (offset === this.lo - 1) return id === this.#beforeId
    return id.length === ID_LENGTH && this.#text(offset).startsWith(id, idBegin(offset))
  }

  #text(offset: number): string {
    return this.#texts[this.#first + offset - this.lo] ?? ''
  }
}

function idBegin(offset: number): number {
  return OFFSET_AT + String(offset).length + ID_AFTER
}

/** A slice keeps the whole text it was cut from in memory: whoever holds a place would hold a message that is gone. */
function copy(slice: string): string {
  return Buffer.from(slice, 'latin1').toString('latin1')
}

/** A string built from parts is a tree of them until somebody reads it; reading one character makes it one piece. */
function flatten(text: string): string {
  text.charCodeAt(0)
  return text
}
