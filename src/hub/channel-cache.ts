import type { HistoryLimits } from '../protocol/limits.ts'
import type { Cursor, PublishedMessage } from '../protocol/messages.ts'
import type { CacheChange, CachedChannel, CachedMessage, CachedSnapshot } from '../core/ports.ts'

/** What a cache can give a receiver that stands at a place. */
export type Slice =
  /** JSON text of an array of messages, gapless from the place to the cache's cursor; `null` when there is nothing newer. */
  | { readonly kind: 'messages'; readonly json: string | null }
  /** The receiver is ahead of what this hub has read so far. */
  | { readonly kind: 'ahead' }
  /** The messages after the place are no longer here. */
  | { readonly kind: 'trimmed'; readonly from: number; readonly to: number }
  /** The place belongs to another history. */
  | { readonly kind: 'foreign' }

/**
 * One channel as the hub holds it for all its tabs: a value, and messages without gaps up to a cursor, as deep as the server keeps them.
 * Messages are text, encoded once however many tabs there are. Knows nothing of tabs, sockets or storage.
 */
export class ChannelCache {
  readonly channel: string
  #cursor: Cursor | null
  #snapshot: CachedSnapshot | null
  #messages: CachedMessage[]
  #valuelessSinceMs: number | null = null
  #generation = 0
  #units: number
  /** Text of the last slice that was asked for: all tabs at the same place share it. */
  #lastSlice: { readonly from: number; readonly to: number; readonly epoch: string; readonly json: string } | null = null
  /** What the store does not have yet. */
  #unsaved: { clear: boolean; snapshot: boolean; append: CachedMessage[] } | null

  constructor(channel: string, stored: CachedChannel | null, startAt: Cursor | null) {
    this.channel = channel
    this.#cursor = stored?.cursor ?? startAt
    this.#snapshot = stored?.snapshot ?? null
    this.#messages = stored ? [...stored.messages] : []
    this.#units = this.#messages.reduce((sum, { json }) => sum + json.length, 0)
    // Whatever the store may have kept of an earlier life of the channel does not join on.
    this.#unsaved = stored ? null : { clear: true, snapshot: true, append: [] }
  }

  /** Everything up to here is held, or was before it was trimmed; `null` before the first verdict. */
  get cursor(): Cursor | null {
    return this.#cursor
  }

  /** Offset from which a receiver can be joined on: the one before the oldest message. */
  get joinsFrom(): number {
    return this.#messages[0] ? this.#messages[0].offset - 1 : (this.#cursor?.offset ?? 0)
  }

  /** The value, when what follows it is held without a gap. */
  get snapshot(): CachedSnapshot | null {
    const held = this.#snapshot
    return held && this.after(held.cursor).kind === 'messages' ? held : null
  }

  /** Rises when the channel begins anew. */
  get generation(): number {
    return this.#generation
  }

  /** When the server said that the channel has no values (wall clock); `null` while it has, or nobody knows. */
  get valueless(): number | null {
    return this.#valuelessSinceMs
  }

  /** All that is held. */
  get everything(): Slice {
    const first = this.#messages[0]
    return { kind: 'messages', json: first && this.#cursor ? this.#slice(first.offset, this.#cursor) : null }
  }

  /** Appends what comes next; the caller has seen to it that it does. */
  append(messages: readonly PublishedMessage[], cursor: Cursor, limits: Pick<HistoryLimits, 'messages' | 'bytes'>): void {
    const cached = messages.map((message): CachedMessage => ({ offset: message.offset, id: message.id, json: JSON.stringify(message) }))
    for (const message of cached) this.#messages.push(message)
    for (const { json } of cached) this.#units += json.length
    this.#cursor = cursor
    for (const message of cached) this.#changed().append.push(message)
    this.#trim(limits)
  }

  /** Where nothing is held yet but a tab's place, or not even that: takes a tab's earlier one instead. Says whether it did. */
  lowerTo(place: Cursor): boolean {
    const cursor = this.#cursor
    const isBare = this.#messages.length === 0 && !this.#snapshot && this.#valuelessSinceMs === null
    if (!isBare || (cursor && (cursor.epoch !== place.epoch || place.offset >= cursor.offset))) return false
    this.#cursor = place
    return true
  }

  /** Begins anew at `cursor`, with a value or, in a channel that has none, without. */
  restart(cursor: Cursor, snapshot: CachedSnapshot | null): void {
    this.#generation++
    this.#cursor = cursor
    this.#valuelessSinceMs = null
    this.#snapshot = snapshot
    this.#messages = []
    this.#units = 0
    this.#unsaved = { clear: true, snapshot: true, append: [] }
  }

  /** The server has no values of this channel. */
  hasNoValues(nowMs: number): void {
    this.#valuelessSinceMs ??= nowMs
  }

  /** Takes in a newer value of the same history. */
  refresh(snapshot: CachedSnapshot): void {
    const held = this.#snapshot?.cursor
    if (held && held.epoch === snapshot.cursor.epoch && held.offset > snapshot.cursor.offset) return
    this.#snapshot = snapshot
    this.#changed().snapshot = true
  }

  /** What comes after `place`. */
  after(place: Cursor): Slice {
    const cursor = this.#cursor
    if (!cursor) return { kind: 'ahead' }
    if (place.epoch !== cursor.epoch) return { kind: 'foreign' }
    if (place.offset > cursor.offset) return { kind: 'ahead' }
    if (place.offset < this.joinsFrom) return { kind: 'trimmed', from: place.offset + 1, to: this.joinsFrom }
    const known = place.offset === cursor.offset ? cursor.id : this.#at(place.offset)?.id
    if (known !== undefined && known !== place.id) return { kind: 'foreign' }
    return { kind: 'messages', json: place.offset === cursor.offset ? null : this.#slice(place.offset + 1, cursor) }
  }

  /** What the store must be told since the last time this was asked; `null` when nothing. */
  takeChange(): CacheChange | null {
    const change = this.#unsaved
    if (!change || !this.#cursor) return null
    this.#unsaved = null
    return {
      channel: this.channel,
      cursor: this.#cursor,
      ...(change.clear ? { clear: true } : {}),
      ...(change.snapshot ? { snapshot: this.#snapshot } : {}),
      append: change.append,
      keepFrom: this.joinsFrom + 1,
    }
  }

  /** What was taken is not stored: the next change brings everything, since the rest would not join on. */
  takeBack(): void {
    this.#unsaved = { clear: true, snapshot: true, append: [...this.#messages] }
  }

  #at(offset: number): CachedMessage | undefined {
    const first = this.#messages[0]
    return first && this.#messages[offset - first.offset]
  }

  #slice(from: number, cursor: Cursor): string {
    const last = this.#lastSlice
    if (last?.from === from && last.to === cursor.offset && last.epoch === cursor.epoch) return last.json
    const first = this.#messages[0]?.offset ?? from
    const json = `[${this.#messages
      .slice(from - first)
      .map((message) => message.json)
      .join(',')}]`
    this.#lastSlice = { from, to: cursor.offset, epoch: cursor.epoch, json }
    return json
  }

  #trim({ messages, bytes }: Pick<HistoryLimits, 'messages' | 'bytes'>): void {
    const tooMany = this.#messages.length - messages
    let units = this.#units
    let drop = 0
    for (; drop < this.#messages.length && (drop < tooMany || units > bytes); drop++) units -= this.#messages[drop]?.json.length ?? 0
    if (drop === 0) return
    this.#messages.splice(0, drop)
    this.#units = units
    // What was not stored and is not needed any more need not be: a store that hangs must not make this grow.
    const needed = this.joinsFrom + 1
    const unsaved = this.#unsaved?.append ?? []
    unsaved.splice(0, unsaved.filter(({ offset }) => offset < needed).length)
  }

  #changed(): { clear: boolean; snapshot: boolean; append: CachedMessage[] } {
    return (this.#unsaved ??= { clear: false, snapshot: false, append: [] })
  }
}
