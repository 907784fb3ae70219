import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChannelLog, CHUNK_BYTES, CHUNK_MESSAGES } from './channel-log.ts'
import { freshId } from './testing/fake-peer.ts'

const HISTORY = { messages: 5, bytes: 10_000, ageMs: 60_000 }
const EPOCH = 'E'.repeat(22)

function filled(count: number, limits = HISTORY): { log: ChannelLog; ids: string[] } {
  const log = new ChannelLog(EPOCH, limits)
  const ids = Array.from({ length: count }, freshId)
  for (const id of ids) log.append(id, '{"a":1}', undefined, 0)
  return { log, ids }
}

describe('ChannelLog', () => {
  it('[P23] takes a place from lo - 1 to head with the right id, and no other', () => {
    const { log, ids } = filled(8)
    expect([log.lo, log.head, log.size]).toEqual([4, 8, 5])
    const place = (offset: number, id = ids[offset - 1] ?? ''): ReturnType<ChannelLog['judge']> => log.judge({ epoch: EPOCH, offset, id })
    expect(place(3)).toBeNull()
    expect(place(8)).toBeNull()
    expect(place(2)).toEqual({ reason: 'trimmed', from: 3, to: 3 })
    expect(place(0)).toEqual({ reason: 'trimmed', from: 1, to: 3 })
    expect(place(9, freshId())).toEqual({ reason: 'diverged' })
    expect(place(8, freshId())).toEqual({ reason: 'diverged' })
    expect(place(3, freshId())).toEqual({ reason: 'diverged' })
    expect(log.judge({ epoch: freshId(), offset: 8, id: ids[7] ?? '' })).toEqual({ reason: 'epoch' })
  })

  it('[P23] knows epoch, head and the id at head long after the messages are gone', () => {
    const { log, ids } = filled(3)
    log.trim(10 * HISTORY.ageMs)
    expect([log.size, log.bytes, log.lo, log.head]).toEqual([0, 0, 4, 3])
    expect(log.headCursor()).toEqual({ epoch: EPOCH, offset: 3, id: ids[2] })
    expect(log.judge(log.headCursor())).toBeNull()
  })

  it('[P25] reads chunks of at most 500 messages or one frame, and always one', () => {
    const { log } = filled(1_200, { messages: 10_000, bytes: 2 ** 30, ageMs: 60_000 })
    expect(log.read(0, 1_200, 2 ** 30).count).toBe(CHUNK_MESSAGES)
    const { body } = log.read(0, 1_200)
    expect(body.length).toBeGreaterThan(CHUNK_BYTES - 100)
    expect(body.length).toBeLessThanOrEqual(CHUNK_BYTES)
    expect(log.read(1_100, 1_200)).toMatchObject({ count: 100, to: 1_200 })
    expect(log.read(100, 107)).toMatchObject({ count: 7, to: 107 })
    const large = new ChannelLog(EPOCH, { messages: 10, bytes: 2 ** 30, ageMs: 60_000 })
    for (let at = 0; at < 3; at++) large.append(freshId(), JSON.stringify('x'.repeat(200_000)), undefined, 0)
    expect(large.read(0, 3).count).toBe(1)
  })

  it('[I19] begins with nothing in another epoch after a restart', () => {
    const { log } = filled(3)
    const before = log.headCursor()
    log.restart(freshId())
    expect([log.head, log.size, log.bytes]).toEqual([0, 0, 0])
    expect(log.judge(before)).toEqual({ reason: 'epoch' })
  })

  it('[I30] [I17] agrees with a simple list under any appends, sizes, ages and trims', () => {
    const step = fc.record({ size: fc.integer({ min: 0, max: 400 }), waitMs: fc.integer({ min: 0, max: 400 }), hasOrigin: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 9 }), (steps, messages) => {
        const limits = { messages, bytes: 1_024, ageMs: 1_000 }
        const log = new ChannelLog(EPOCH, limits)
        let kept: { offset: number; id: string; text: string; atMs: number }[] = []
        const ids = ['']
        let nowMs = 0
        for (const { size, waitMs, hasOrigin } of steps) {
          nowMs += waitMs
          const id = freshId()
          const data = JSON.stringify('é'.repeat(size))
          const origin = hasOrigin ? freshId() : undefined
          const offset = log.append(id, data, origin, nowMs)
          ids.push(id)
          kept.push({ offset, id, text: JSON.stringify({ offset, id, data: JSON.parse(data), origin }), atMs: nowMs })
          const bytes = (): number => kept.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
          while (kept.length > 1 && (kept.length > messages || bytes() > limits.bytes)) kept = kept.slice(1)
          kept = kept.filter(({ atMs }) => atMs + limits.ageMs >= nowMs)
          expect([log.size, log.head, log.lo, log.bytes]).toEqual([kept.length, offset, offset - kept.length + 1, bytes()])
          expect(log.headCursor().id).toBe(id)
          expect(log.judge({ epoch: EPOCH, offset: log.lo - 1, id: ids[log.lo - 1] ?? '' })).toBeNull()
          if (kept.length > 0) expect(log.read(log.lo - 1, log.head).body).toBe(kept.map(({ text }) => text).join(','))
        }
      }),
      { numRuns: 60 },
    )
  })
})
