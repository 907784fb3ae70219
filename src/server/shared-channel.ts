import { CHUNK_BYTES, CHUNK_MESSAGES, type ChannelLog } from './channel-log.ts'
import type { DueChannel, Flushable } from './flusher.ts'
import type { SharedChunk } from './shared-chunk.ts'

/** So much is appended before its readers have their turn; what they share is kept until then. */
const BURST_BYTES = 256 * 1024

/** Somebody who reads a channel. */
export interface Reader {
  /** There may be something to read: gives what is to be flushed for it. */
  wake(): Flushable
}

/** A channel that somebody on this server reads: its log, and who reads it. */
export class SharedChannel implements DueChannel {
  readonly key: string
  readonly log: ChannelLog
  readonly readers: Set<Reader> = new Set()
  isDue = false
  /** Chunks of this flush, by the place they begin after. */
  readonly #missed = new Map<number, SharedChunk>()
  readonly #live = new Map<number, SharedChunk>()
  readonly #chunkBytes: number
  #flushedHead: number
  #flushedWritten: number

  /** @param chunkBytes what one chunk may hold, so that it fits a frame */
  constructor(key: string, log: ChannelLog, chunkBytes: number) {
    this.key = key
    this.#chunkBytes = Math.min(CHUNK_BYTES, chunkBytes)
    this.log = log
    this.#flushedHead = log.head
    this.#flushedWritten = log.written
  }

  /** The next chunk for a live receiver at `after`. */
  live(after: number): SharedChunk {
    return this.#chunk(this.#live, after, this.log.head)
  }

  /** The next chunk for a receiver at `after` that is owed what was published up to `upTo`. */
  missed(after: number, upTo: number): SharedChunk {
    return this.#chunk(this.#missed, after, upTo)
  }

  /** Whether as much was appended since the last flush as one chunk holds, or so much that the history may lose it. */
  hasBurst(): boolean {
    const { messages, bytes } = this.log.limits
    return (
      this.log.head - this.#flushedHead >= Math.min(CHUNK_MESSAGES, messages / 2) ||
      this.log.written - this.#flushedWritten >= Math.min(BURST_BYTES, bytes / 2)
    )
  }

  /** Those who could share a frame have had their turn: lets go of its text. */
  flushed(): void {
    this.#missed.clear()
    this.#live.clear()
    this.#flushedHead = this.log.head
    this.#flushedWritten = this.log.written
  }

  #chunk(known: Map<number, SharedChunk>, after: number, upTo: number): SharedChunk {
    const last = known.get(after)
    if (last !== undefined && last.upTo === upTo && last.end.epoch === this.log.epoch) return last
    const { body, bytes, count, to, toId } = this.log.read(after, upTo, this.#chunkBytes)
    const chunk = { after, upTo, body, bytes, count, end: { epoch: this.log.epoch, offset: to, id: toId }, frames: new Map() }
    known.set(after, chunk)
    return chunk
  }
}
