import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CachedChannel } from '../core/ports.ts'
import { DEFAULT_HISTORY } from '../protocol/limits.ts'
import type { Cursor, PublishedMessage } from '../protocol/messages.ts'
import { changeCachedChannel } from '../storage/cached-channel.ts'
import { ChannelCache } from './channel-cache.ts'
import { TabChannel } from './tab-channel.ts'

const KEPT = 6
const limits = { ...DEFAULT_HISTORY, messages: KEPT }

/** A server's log, a hub's cache of it, and tabs, with everything late that may be late. */
class World {
  readonly hasValues: boolean
  epochs = 1
  head = 0
  lo = 1
  cache: ChannelCache = new ChannelCache('c', null, null)
  stored: CachedChannel | undefined
  decided = false
  connected = false
  /** The hub's place is lost and the value has not come. */
  resetting = false
  wanted: number | null = null
  announced = 0
  tabs: { channel: TabChannel; place: Cursor | null; last: Cursor | null; wasReset: boolean }[] = []

  constructor(hasValues: boolean) {
    this.hasValues = hasValues
    this.join()
  }

  at(offset: number): Cursor {
    const epoch = `e${this.epochs}`
    return { epoch, offset, id: offset === 0 ? '' : `${epoch}:${offset}` }
  }

  publish(count: number): void {
    this.head += count
    this.lo = Math.max(this.lo, this.head - KEPT + 1)
  }

  beginAnew(): void {
    this.epochs++
    this.head = 0
    this.lo = 1
    if (this.connected) this.lose({ reason: 'epoch' })
  }

  join(): void {
    this.tabs.push({ channel: new TabChannel({ channel: 'c', position: null }), place: null, last: null, wasReset: false })
  }

  /** The tab attaches again, and says itself where it is. */
  attachAgain(at: number): void {
    const tab = this.tabs[at % this.tabs.length]
    if (!tab) return
    tab.channel = new TabChannel({ channel: 'c', position: tab.place })
    // Without a place, because it was just reset, it is a newcomer like any other.
    if (!tab.place) tab.last = null
  }

  connect(): void {
    if (this.connected) return
    this.connected = true
    const { cursor } = this.cache
    if (!cursor) return void (this.resetting = true)
    if (cursor.epoch !== this.at(0).epoch) return this.lose({ reason: 'epoch' })
    if (cursor.offset < this.lo - 1) return this.lose({ reason: 'trimmed', from: cursor.offset + 1, to: this.lo - 1 })
    this.decided = true
    this.announced = this.head
    for (const { channel } of this.tabs) channel.owesVerdict(this.head)
  }

  disconnect(): void {
    this.connected = this.resetting = false
    this.wanted = null
  }

  lose(reason: Parameters<TabChannel['lose']>[0]): void {
    this.resetting = true
    for (const { channel } of this.tabs) channel.lose(reason, this.cache)
  }

  receive(count: number): void {
    const { cursor } = this.cache
    if (!this.connected) return
    if (this.resetting || !cursor) {
      this.cache.restart(this.at(this.head), this.hasValues ? this.value() : null)
      if (!this.hasValues) this.cache.hasNoValues(1)
      this.decided = true
      this.resetting = false
      this.wanted = null
      return
    }
    if (cursor.offset < this.lo - 1) return this.lose({ reason: 'trimmed', from: cursor.offset + 1, to: this.lo - 1 })
    const to = Math.min(this.head, cursor.offset + count)
    const messages = []
    for (let offset = cursor.offset + 1; offset <= to; offset++) messages.push({ offset, id: this.at(offset).id, data: null })
    if (messages.length > 0) this.cache.append(messages, this.at(to), limits)
  }

  /** The server answers the open question for a value; its head may be ahead of what the hub has received. */
  answer(): void {
    if (!this.connected || this.resetting || this.wanted === null || this.wanted > this.head) return
    this.wanted = null
    if (this.hasValues) this.cache.refresh(this.value())
    else this.cache.hasNoValues(1)
  }

  store(): void {
    const change = this.cache.takeChange()
    if (change) this.stored = changeCachedChannel(this.stored, change)
  }

  crash(): void {
    this.disconnect()
    this.decided = false
    this.cache = new ChannelCache('c', this.stored ?? null, this.tabs.find((tab) => tab.place)?.place ?? null)
    for (const at of this.tabs.keys()) this.attachAgain(at)
  }

  serve(at: number): void {
    const tab = this.tabs[at % this.tabs.length]
    if (!tab) return
    const { delivery, wantsSnapshotFrom } = tab.channel.serve(this.cache, { decided: this.decided, stale: !this.connected })
    if (wantsSnapshotFrom !== undefined && this.connected && !this.resetting) this.wanted = Math.max(this.wanted ?? 0, wantsSnapshotFrom)
    if (!delivery) return
    if (delivery.reset) {
      expect(tab.place).not.toBeNull()
      tab.place = null
      tab.wasReset = true
    }
    if (delivery.snapshot) {
      expect(tab.place).toBeNull()
      expect(tab.last === null || tab.wasReset).toBe(true)
      tab.wasReset = false
      const cursor = delivery.snapshot.json === undefined ? null : (JSON.parse(delivery.snapshot.json) as Cursor)
      if (cursor && cursor.epoch === tab.last?.epoch) expect(cursor.offset).toBeGreaterThanOrEqual(tab.last.offset)
      tab.place = cursor
    }
    for (const message of JSON.parse(delivery.messages ?? '[]') as PublishedMessage[]) {
      const epoch = delivery.position?.epoch ?? ''
      expect(message.id).toBe(`${epoch}:${message.offset}`)
      if (tab.place) expect([message.offset, epoch]).toEqual([tab.place.offset + 1, tab.place.epoch])
      if (tab.last?.epoch === epoch) expect(message.offset).toBeGreaterThan(tab.last.offset)
      tab.place = tab.last = { epoch, offset: message.offset, id: message.id }
    }
    if (delivery.position) {
      if (tab.place) expect(tab.place).toEqual(delivery.position)
      if (tab.last?.epoch === delivery.position.epoch) expect(delivery.position.offset).toBeGreaterThanOrEqual(tab.last.offset)
      tab.place = tab.last = delivery.position
    }
    if (delivery.recovered !== undefined) expect(tab.place?.offset).toBeGreaterThanOrEqual(this.announced)
  }

  /** Everything that is late comes. */
  heal(): void {
    this.connect()
    for (let round = 0; round < 4; round++) {
      this.receive(Infinity)
      this.answer()
      for (const at of this.tabs.keys()) this.serve(at)
    }
  }

  value(): { readonly cursor: Cursor; readonly json: string; readonly atMs: number } {
    const cursor = this.at(this.head)
    return { cursor, json: JSON.stringify(cursor), atMs: 1 }
  }
}

const step: fc.Arbitrary<(world: World) => void> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(4).map((at) => (world: World) => world.serve(at)) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }).map((count) => (world: World) => world.publish(count)) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }).map((count) => (world: World) => world.receive(count)) },
  { weight: 3, arbitrary: fc.constant((world: World) => world.connect()) },
  { weight: 2, arbitrary: fc.constant((world: World) => world.answer()) },
  { weight: 2, arbitrary: fc.constant((world: World) => world.store()) },
  { weight: 2, arbitrary: fc.nat(4).map((at) => (world: World) => world.attachAgain(at)) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.join()) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.disconnect()) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.crash()) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.beginAnew()) },
)

describe('any tab in any channel', () => {
  it('[I15] [I16] [I20] hears a gapless sequence or a reset, nothing twice, nothing below its place, and everything in the end', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 80, size: 'max' }), (hasValues, steps) => {
        const world = new World(hasValues)
        for (const act of steps) act(world)
        world.heal()
        for (const tab of world.tabs) expect(tab.place).toEqual(world.at(world.head))
      }),
      { numRuns: 2_000 },
    )
  }, 60_000)
})
