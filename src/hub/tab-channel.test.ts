import { describe, expect, it } from 'vitest'
import type { ChannelDelivery } from '../bridge/contract.ts'
import { EPOCH, id, place, published } from '../core/testing/frames.ts'
import { DEFAULT_HISTORY } from '../protocol/limits.ts'
import type { Cursor, PublishedMessage } from '../protocol/messages.ts'
import { ChannelCache } from './channel-cache.ts'
import { TabChannel, type Serving } from './tab-channel.ts'

const KEPT = 6
const limits = { ...DEFAULT_HISTORY, messages: KEPT }
const OTHER = id('other-epoch')
const live: Serving = { decided: true, stale: false }
const before: Serving = { decided: false, stale: true }
const value = (offset: number, epoch: string = EPOCH) => ({ cursor: place(offset, epoch), json: `"v${offset}"`, atMs: 7 })

function cacheOf(from: number, to: number): ChannelCache {
  const cache = new ChannelCache('agents', null, null)
  cache.restart(place(from), value(from))
  if (to > from) cache.append(published(from + 1, to), place(to), limits)
  return cache
}

const tabAt = (position: Cursor | null): TabChannel => new TabChannel({ channel: 'agents', position })

/** A delivery with its messages reduced to offsets. */
function read(delivery: ChannelDelivery | null): unknown {
  if (!delivery) return null
  const { channel: _channel, messages, ...rest } = delivery
  return messages === undefined ? rest : { ...rest, messages: (JSON.parse(messages) as PublishedMessage[]).map(({ offset }) => offset) }
}

describe('a tab in a channel', () => {
  it('[HU5] begins with the cached value and what followed it', () => {
    expect(read(tabAt(null).serve(cacheOf(2, 4), before).delivery)).toEqual({
      position: place(4),
      snapshot: { json: '"v2"', atMs: 7, stale: true },
      messages: [3, 4],
    })
  })

  it('[HU5] begins with all that is held where there are no values', () => {
    const cache = new ChannelCache('agents', null, null)
    cache.restart(place(2), null)
    cache.hasNoValues(9)
    cache.append(published(3, 4), place(4), limits)
    expect(read(tabAt(null).serve(cache, live).delivery)).toEqual({
      position: place(4),
      snapshot: { atMs: 9, stale: false },
      messages: [3, 4],
    })
  })

  it('[HU5] wants a value that joins on where the cache has none, after the first verdict', () => {
    const cache = cacheOf(0, 9)
    expect(tabAt(null).serve(cache, before)).toEqual({ delivery: null })
    expect(tabAt(null).serve(cache, live)).toEqual({ delivery: null, wantsSnapshotFrom: 3 })
  })

  it('[HU7] [HU15] [I32] begins from the cache of another store, though it counts its generations anew', () => {
    const lost = cacheOf(2, 4)
    const tab = tabAt(place(4))
    tab.lose({ reason: 'epoch' }, lost)
    tab.serve(lost, live)
    const other = cacheOf(2, 4)
    expect(other.generation).toBe(lost.generation)
    expect(read(tab.serve(other, live).delivery)).toMatchObject({ position: place(4), messages: [3, 4] })
  })

  it('[HU2] is served from its own place and once', () => {
    const cache = cacheOf(0, 4)
    const tab = tabAt(place(2))
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(4), messages: [3, 4] })
    expect(tab.serve(cache, live)).toEqual({ delivery: null })
    cache.append(published(5, 5), place(5), limits)
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(5), messages: [5] })
  })

  it('[HU6] waits ahead of the hub until the hub has caught up', () => {
    const cache = cacheOf(0, 2)
    const tab = tabAt(place(4))
    expect(tab.serve(cache, live)).toEqual({ delivery: null })
    cache.append(published(3, 5), place(5), limits)
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(5), messages: [5] })
  })

  it('[HU6] is not reset before the first verdict', () => {
    for (const at of [place(1), place(1, OTHER)]) expect(tabAt(at).serve(cacheOf(0, 9), before)).toEqual({ delivery: null })
  })

  it('[HU6] is reset where the cache no longer reaches it, and wants a value not below its place', () => {
    const cache = cacheOf(0, 9)
    const tab = tabAt(place(1))
    expect(tab.serve(cache, live)).toEqual({
      delivery: { channel: 'agents', reset: { reason: 'trimmed', from: 2, to: 3 } },
      wantsSnapshotFrom: 3,
    })
    expect(tab.serve(cache, live)).toEqual({ delivery: null, wantsSnapshotFrom: 3 })
    cache.refresh(value(9))
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(9), snapshot: { json: '"v9"', atMs: 7, stale: false } })
  })

  it('[HU6] does not begin below its place where another cache took over', () => {
    const tab = tabAt(place(1))
    tab.serve(cacheOf(0, 9), live)
    expect(tab.serve(cacheOf(0, 0), live)).toEqual({ delivery: null, wantsSnapshotFrom: 1 })
  })

  it.each([
    [place(1, OTHER), 'epoch'],
    [{ ...place(3), id: id('else') }, 'diverged'],
  ])('[HU6] is reset from a place of another history (%#)', (at, reason) => {
    expect(read(tabAt(at).serve(cacheOf(2, 4), live).delivery)).toMatchObject({
      reset: { reason },
      snapshot: { json: '"v2"' },
      messages: [3, 4],
    })
  })

  it('[HU7] does not begin again with what was cached before the loss', () => {
    const cache = cacheOf(2, 4)
    const tab = tabAt(place(4))
    tab.lose({ reason: 'epoch' }, cache)
    expect(read(tab.serve(cache, live).delivery)).toEqual({ reset: { reason: 'epoch' } })
    expect(tab.serve(cache, live)).toEqual({ delivery: null })
    cache.restart(place(1, OTHER), value(1, OTHER))
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(1, OTHER), snapshot: { json: '"v1"', atMs: 7, stale: false } })
  })

  it.each([
    ['at the hub’s place', place(4), { from: 5, to: 6 }],
    ['behind it', place(2), { from: 3, to: 6 }],
  ])('[HU7] tells a tab %s what is missing for it', (_what, at, missing) => {
    const cache = cacheOf(2, 4)
    const tab = tabAt(at)
    tab.lose({ reason: 'trimmed', from: 5, to: 6 }, cache)
    expect(tab.serve(cache, live).delivery?.reset).toEqual({ reason: 'trimmed', ...missing })
  })

  it('[HU25] is told of another epoch when it stands in one, whatever the hub lost its place for', () => {
    for (const reason of ['trimmed', 'diverged', 'too-slow', 'hook-failed'] as const) {
      const tab = tabAt(place(2, OTHER))
      const cache = cacheOf(2, 4)
      tab.lose({ reason, ...(reason === 'trimmed' ? { from: 5, to: 6 } : {}) }, cache)
      expect(tab.serve(cache, live).delivery?.reset).toEqual({ reason: 'epoch' })
    }
  })

  it.each([
    ['goes on where nothing is missing for it', place(8), undefined],
    ['is told what is missing for it', place(6), { reason: 'trimmed', from: 7, to: 8 }],
  ])('[HU25] beyond the loss of the hub %s', (_what, at, reset) => {
    const cache = cacheOf(2, 4)
    const tab = tabAt(at)
    tab.lose({ reason: 'trimmed', from: 5, to: 6 }, cache)
    expect(tab.serve(cache, live)).toEqual({ delivery: null })
    cache.restart(place(8), value(8))
    expect(tab.serve(cache, live).delivery?.reset).toEqual(reset)
    cache.append(published(9, 9), place(9), limits)
    expect(read(tab.serve(cache, live).delivery)).toMatchObject({ position: place(9), messages: [9] })
  })

  it.each([
    ['in the log of the server goes on', place(3, OTHER), undefined],
    ['behind in the log of the server is told what is missing for it', place(1, OTHER), { reason: 'trimmed', from: 2, to: 3 }],
    ['in a third log is told so', place(3, id('third-epoch')), { reason: 'epoch' }],
  ])('[HU25] when the hub was in another log than the server, a tab %s', (_what, at, reset) => {
    const cache = cacheOf(2, 4)
    const tab = tabAt(at)
    tab.lose({ reason: 'epoch' }, cache)
    expect(tab.serve(cache, live)).toEqual({ delivery: null })
    cache.restart(place(3, OTHER), value(3, OTHER))
    expect(tab.serve(cache, live).delivery?.reset).toEqual(reset)
  })

  it('[HU7] is not reset when it had not begun', () => {
    const tab = tabAt(null)
    tab.lose({ reason: 'epoch' }, cacheOf(2, 4))
    expect(tab.serve(cacheOf(2, 4), live).delivery).not.toHaveProperty('reset')
  })

  it('[HU8] tells `recovered` with the last of the missed messages', () => {
    const cache = cacheOf(0, 2)
    const tab = tabAt(place(2))
    tab.owesVerdict(4)
    expect(tab.serve(cache, live)).toEqual({ delivery: null })
    cache.append(published(3, 3), place(3), limits)
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(3), messages: [3] })
    cache.append(published(4, 4), place(4), limits)
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(4), messages: [4], recovered: 2 })
    expect(tab.serve(cache, live)).toEqual({ delivery: null })
  })

  it('[HU8] tells `recovered` also when nothing was missed', () => {
    const tab = tabAt(place(2))
    tab.owesVerdict(2)
    expect(read(tab.serve(cacheOf(0, 2), live).delivery)).toEqual({ recovered: 0 })
  })

  it('[HU8] tells a recovery that was cut once, with all that it brought', () => {
    const cache = cacheOf(0, 2)
    const tab = tabAt(place(2))
    tab.owesVerdict(4)
    cache.append(published(3, 3), place(3), limits)
    tab.serve(cache, live)
    tab.owesVerdict(5)
    cache.append(published(4, 5), place(5), limits)
    expect(read(tab.serve(cache, live).delivery)).toEqual({ position: place(5), messages: [4, 5], recovered: 3 })
  })

  it('[HU9] is told a refusal once', () => {
    const tab = tabAt(place(2))
    const error = { code: 'forbidden', message: 'no' } as const
    tab.refuse(error)
    expect(tab.serve(cacheOf(0, 4), live).delivery).toEqual({ channel: 'agents', refused: error })
  })
})
