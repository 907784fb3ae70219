import { describe, expect, it } from 'vitest'
import { EPOCH, id, place, published } from '../core/testing/frames.ts'
import { DEFAULT_HISTORY } from '../protocol/limits.ts'
import { ChannelCache } from './channel-cache.ts'

const OTHER = id('other-epoch')
const limits = { ...DEFAULT_HISTORY, messages: 5 }
const value = (offset: number, epoch: string = EPOCH) => ({ cursor: place(offset, epoch), json: `"v${offset}"`, atMs: 7 })

/** A cache that began with a value at `from` and has the messages up to `to`. */
function cacheOf(from: number, to: number): ChannelCache {
  const cache = new ChannelCache('agents', null, null)
  cache.restart(place(from), value(from))
  for (let at = from + 1; at <= to; at++) cache.append(published(at, at), place(at), limits)
  return cache
}

const offsets = (json: string | null): number[] => (JSON.parse(json ?? '[]') as { offset: number }[]).map(({ offset }) => offset)

describe('a channel cache', () => {
  it('[HU2] gives exactly what follows a place', () => {
    const slice = cacheOf(0, 4).after(place(2))
    expect(slice.kind === 'messages' && offsets(slice.json)).toEqual([3, 4])
  })

  it('[HU2] gives nothing to a place at its cursor', () => {
    expect(cacheOf(0, 4).after(place(4))).toEqual({ kind: 'messages', json: null })
  })

  it('[HU1] gives all receivers at one place the same text', () => {
    const cache = cacheOf(0, 4)
    const [one, two] = [cache.after(place(2)), cache.after(place(2))]
    expect(one.kind === 'messages' && two.kind === 'messages' && Object.is(one.json, two.json)).toBe(true)
  })

  it('[HU2] does not give the text of an earlier life of the channel', () => {
    const cache = cacheOf(0, 4)
    cache.after(place(2))
    cache.restart(place(2, OTHER), null)
    cache.append(
      [
        { offset: 3, id: id('m3'), data: 'new' },
        { offset: 4, id: id('m4'), data: 'new' },
      ],
      place(4, OTHER),
      limits,
    )
    const slice = cache.after(place(2, OTHER))
    expect(slice.kind === 'messages' && slice.json).toContain('"new"')
  })

  it.each([
    ['beyond the cursor', place(5), 'ahead'],
    ['of another epoch', place(2, OTHER), 'foreign'],
    ['with another id at its offset', { ...place(2), id: id('else') }, 'foreign'],
    ['with another id at the cursor', { ...place(4), id: id('else') }, 'foreign'],
  ] as const)('[HU6] says of a place %s that it is not held (%#)', (_what, at, kind) => {
    expect(cacheOf(0, 4).after(at).kind).toBe(kind)
  })

  it('[HU6] says which messages a place has lost', () => {
    expect(cacheOf(0, 9).after(place(2))).toEqual({ kind: 'trimmed', from: 3, to: 4 })
  })

  it('[HU6] lets a place without a verdict wait', () => {
    expect(new ChannelCache('agents', null, null).after(place(3)).kind).toBe('ahead')
  })

  it('[I30] keeps no more messages than the server, also of a long batch', () => {
    const cache = cacheOf(0, 4)
    cache.append(published(5, 40), place(40), limits)
    expect(cache.joinsFrom).toBe(35)
  })

  it('[I30] keeps no more messages than the server', () => {
    const cache = cacheOf(0, 9)
    expect(cache.joinsFrom).toBe(4)
    cache.append(published(10, 10), place(10), { ...limits, bytes: 120 })
    expect(offsets((cache.everything as { json: string }).json)).toEqual([9, 10])
  })

  it('[HU5] offers its value only while what follows is held', () => {
    expect(cacheOf(0, 5).snapshot).toEqual(value(0))
    expect(cacheOf(0, 6).snapshot).toBeNull()
  })

  it('[HU5] does not offer a value that is ahead of the messages, until they have come', () => {
    const cache = cacheOf(0, 6)
    cache.refresh(value(7))
    expect(cache.snapshot).toBeNull()
    cache.append(published(7, 7), place(7), limits)
    expect(cache.snapshot).toEqual(value(7))
  })

  it('[I15] does not offer a value of another history', () => {
    const cache = cacheOf(0, 6)
    cache.refresh({ ...value(5), cursor: { ...place(5), id: id('else') } })
    expect(cache.snapshot).toBeNull()
    cache.refresh(value(6, OTHER))
    expect(cache.snapshot).toBeNull()
  })

  it('[HU5] keeps the newer of two values', () => {
    const cache = cacheOf(0, 4)
    cache.refresh(value(4))
    cache.refresh(value(3))
    expect(cache.snapshot).toEqual(value(4))
  })

  it('[HU11] gives the store the cursor and what it covers in one change', () => {
    const cache = cacheOf(2, 4)
    expect(cache.takeChange()).toEqual({
      channel: 'agents',
      cursor: place(4),
      clear: true,
      snapshot: value(2),
      append: [3, 4].map((offset) => ({ offset, id: id(`m${offset}`), json: JSON.stringify(published(offset, offset)[0]) })),
      keepFrom: 3,
    })
    expect(cache.takeChange()).toBeNull()
    cache.append(published(5, 5), place(5), limits)
    expect(cache.takeChange()).toMatchObject({ cursor: place(5), append: [{ offset: 5 }] })
    cache.refresh(value(5))
    expect(cache.takeChange()).toEqual({ channel: 'agents', cursor: place(5), snapshot: value(5), append: [], keepFrom: 3 })
  })

  it('[HU11] drops what the store kept of an earlier life of the channel', () => {
    const cache = new ChannelCache('agents', null, place(20))
    cache.append(published(21, 21), place(21), limits)
    expect(cache.takeChange()).toMatchObject({ clear: true, snapshot: null, append: [{ offset: 21 }], keepFrom: 21 })
  })

  it('[HU11] goes on from what was stored', () => {
    const first = cacheOf(2, 4)
    const change = first.takeChange()
    const cache = new ChannelCache(
      'agents',
      { channel: 'agents', cursor: place(4), snapshot: value(2), messages: change?.append ?? [] },
      place(9),
    )
    expect(cache.cursor).toEqual(place(4))
    expect(cache.snapshot).toEqual(value(2))
    expect(cache.takeChange()).toBeNull()
    cache.append(published(5, 5), place(5), limits)
    expect(cache.takeChange()).not.toHaveProperty('clear')
  })
})
