import type { ChannelDelivery, ResetNotice, SnapshotDelivery, TabPosition } from '../bridge/contract.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Cursor } from '../protocol/messages.ts'
import type { ChannelCache, Slice } from './channel-cache.ts'

/** What serving a tab needs to know of its hub at that moment. */
export interface Serving {
  /** The server has given this hub its first verdict on the channel, so that a bad place is really bad. */
  readonly decided: boolean
  /** The hub is not connected, or the channel is not live: there may be newer data. */
  readonly stale: boolean
}

/**
 * What serving a tab gave: news for it, and a value the hub must ask the server for because the cache has none that
 * joins on.
 */
export interface Served {
  readonly delivery: ChannelDelivery | null
  readonly wantsSnapshotFrom?: number
}

/**
 * Where one tab stands in one channel. There is no queue: a place, and three things owed (a reset, a refusal, a
 * verdict); everything else is read from the cache when the tab has credit. Whatever is skipped is told.
 */
export class TabChannel {
  readonly channel: string
  readonly #round: number | undefined
  #position: Cursor | null
  /** A value for this tab must not be older than what it was given before. */
  #atLeast: Cursor | null = null
  /**
   * The cache, and its generation, that this tab lost its place in: it does not begin from that one again. After a loss
   * of the store there is another cache.
   */
  #outdated: { readonly cache: ChannelCache; readonly generation: number } | null = null
  #reset: ResetNotice | null = null
  #refused: ErrorData | null = null
  /** It was told that there is no value yet. */
  #isToldOfNone = false
  #verdict: { readonly from: number; readonly upTo: number } | null = null

  constructor({ channel, position, round }: TabPosition) {
    this.channel = channel
    this.#round = round
    this.#position = position
  }

  /** Offset up to which the tab has been given messages; `null` for one that has not begun. */
  get position(): Cursor | null {
    return this.#position
  }

  /**
   * The hub lost its place. So did a tab that had begun, unless that says nothing of its own: then it is judged by
   * where the hub begins again.
   */
  lose(reason: ResetNotice, cache: ChannelCache): void {
    const place = this.#position
    if (!place) return
    this.#outdated = { cache, generation: cache.generation }
    this.#atLeast = null
    this.#verdict = null
    this.#reset = lossAt(place, reason, cache.cursor)
    if (!this.#reset) return
    this.#position = null
    this.#isToldOfNone = this.#reset.reason === 'hook-failed' || this.#reset.reason === 'too-slow'
  }

  /** The server said the hub's place was good; the tab is told when it has everything up to `upTo`. */
  owesVerdict(upTo: number): void {
    this.#outdated = null
    // A recovery that was cut goes on: it is told once, with all that it brought.
    const from = this.#verdict?.from ?? this.#position?.offset
    if (from !== undefined) this.#verdict = { from, upTo }
  }

  /** The server will not give the channel. */
  refuse(error: ErrorData): void {
    this.#refused = error
  }

  /** There is no value to begin with yet. That is told once, until there is one. */
  waitsForValue(reason: 'hook-failed' | 'too-slow'): void {
    if (!this.#isToldOfNone) this.#reset ??= { reason }
    this.#isToldOfNone = true
  }

  /**
   * Takes what is new for the tab out of the cache and moves its place. The caller delivers it, or the tab states its
   * place anew.
   */
  serve(cache: ChannelCache, { decided, stale }: Serving): Served {
    if (this.#refused) return this.#deliver({ refused: this.#refused })
    if (this.#position && this.#isOutdated(cache)) return { delivery: null }
    const slice = this.#position && cache.after(this.#position)
    if (slice?.kind === 'messages') return this.#move(cache, slice.json)
    if (slice?.kind === 'ahead') return { delivery: null }
    if (slice && this.#position) {
      if (!decided) return { delivery: null }
      this.#misplaced(slice, this.#position, cache)
    }
    return this.#begin(cache, { decided, stale })
  }

  #misplaced(slice: Extract<Slice, { kind: 'trimmed' | 'foreign' }>, place: Cursor, cache: ChannelCache): void {
    if (slice.kind === 'trimmed') {
      this.#atLeast = place
      this.#reset = { reason: 'trimmed', from: slice.from, to: slice.to }
    } else {
      this.#atLeast = null
      this.#reset = { reason: place.epoch === cache.cursor?.epoch ? 'diverged' : 'epoch' }
    }
    this.#position = null
    this.#verdict = null
  }

  #begin(cache: ChannelCache, { decided, stale }: Serving): Served {
    const { cursor, snapshot } = cache
    const floor = this.#atLeast && this.#atLeast.epoch === cursor?.epoch ? this.#atLeast.offset : 0
    if (this.#isOutdated(cache)) return this.#reset ? this.#deliver({}) : { delivery: null }
    if (cursor && snapshot && snapshot.cursor.offset >= floor) {
      return this.#start(cursor, { json: snapshot.json, atMs: snapshot.atMs, stale }, cache.after(snapshot.cursor))
    }
    if (cursor && cache.valueless !== null && cursor.offset >= floor) {
      return this.#start(cursor, { atMs: cache.valueless, stale }, cache.everything)
    }
    const owed = this.#reset ? this.#deliver({}) : { delivery: null }
    return cursor && decided ? { ...owed, wantsSnapshotFrom: Math.max(floor, cache.joinsFrom) } : owed
  }

  #isOutdated(cache: ChannelCache): boolean {
    return this.#outdated?.cache === cache && this.#outdated.generation === cache.generation
  }

  #start(cursor: Cursor, snapshot: SnapshotDelivery, rest: Slice): Served {
    this.#position = cursor
    this.#isToldOfNone = false
    const messages = rest.kind === 'messages' ? rest.json : null
    return this.#deliver({ position: cursor, snapshot, ...(messages === null ? {} : { messages }) })
  }

  #move(cache: ChannelCache, json: string | null): Served {
    const position = cache.cursor
    if (json !== null && position) {
      this.#position = position
      return this.#deliver({ position, messages: json })
    }
    return this.#verdict && this.#arrived() ? this.#deliver({}) : { delivery: null }
  }

  #arrived(): boolean {
    return this.#verdict !== null && this.#position !== null && this.#position.offset >= this.#verdict.upTo
  }

  #deliver(news: Omit<ChannelDelivery, 'channel' | 'round' | 'reset' | 'recovered'>): Served {
    const verdict = this.#arrived() ? this.#verdict : null
    const delivery: ChannelDelivery = {
      channel: this.channel,
      ...(this.#round === undefined ? {} : { round: this.#round }),
      ...(this.#reset ? { reset: this.#reset } : {}),
      ...news,
      ...(verdict ? { recovered: Math.max(0, verdict.upTo - verdict.from) } : {}),
    }
    this.#reset = null
    this.#refused = null
    if (verdict) this.#verdict = null
    return { delivery }
  }
}

/**
 * What the loss of the hub's place, `hubPlace`, is for a tab at `place`, which may be behind the hub, ahead of it, or
 * in another log; `null` when nothing follows from it.
 */
function lossAt(place: Cursor, { reason, to }: ResetNotice, hubPlace: Cursor | null): ResetNotice | null {
  // When the hub's log is another than the server's, a tab in neither, or in the server's, is judged when the hub is in
  // the server's.
  if (place.epoch !== hubPlace?.epoch) return reason === 'epoch' ? null : { reason: 'epoch' }
  if (to === undefined) return { reason }
  return place.offset < to ? { reason, from: place.offset + 1, to } : null
}
