import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Engine } from './engine.ts'
import { memoryEngine } from './engines/memory.ts'
import { fakeServer } from './testing/fake-peer.ts'
import { entriesOf, flushOf } from './testing/outbox-post.ts'
import { decodeFlushAnswer, type NumberedMessage } from '../protocol/index.ts'

const COUNT = 12

/** One party does something with a part of the outbox; nobody waits for anybody. */
const anyStep = fc.record({
  by: fc.constantFrom('flush', 'flush', 'socket', 'new socket', 'cut', 'wait'),
  from: fc.integer({ min: 1, max: COUNT }),
  count: fc.integer({ min: 1, max: COUNT }),
})

/** An engine that answers later, each time by another number of turns. */
function slowEngine(turns: readonly number[]): Engine {
  let call = 0
  return new Proxy(memoryEngine(), {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      if (!['commit', 'loadClient', 'revokedAtMs', 'admit'].includes(String(key))) return value.bind(target) as unknown
      return async (...given: unknown[]): Promise<unknown> => {
        for (let left = turns[call++ % turns.length] ?? 0; left > 0; left--) await Promise.resolve()
        return Reflect.apply(value, target, given)
      }
    },
  })
}

describe('a flush beside sockets', () => {
  it('(X4) [P39] [P10] [I7] [I8] applies every number once and in order, whoever brings it, and tells nobody of a number that is not committed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { minLength: 1, maxLength: 25 }),
        fc.array(fc.nat(12), { minLength: 1, maxLength: 20 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
        async (steps, turns, handlerTurns) => {
          const applied: unknown[] = []
          const { core, clock, open } = fakeServer({
            engine: slowEngine(turns),
            limits: { flushesPerMinute: 1_000 },
            onMessage: async ({ data, n = 0 }) => {
              for (let left = handlerTurns[n % handlerTurns.length] ?? 0; left > 0; left--) await Promise.resolve()
              applied.push(data)
            },
          })
          const entries = entriesOf(1, COUNT) as NumberedMessage[]
          let peer = await open()
          const { client } = peer
          const { outboxToken: token = '', ledger } = peer.answer()
          const flushing: Promise<void>[] = []
          const flush = async (part: readonly NumberedMessage[]): Promise<void> => {
            const ticket = await core.flushes.enter(token)
            if (typeof ticket === 'string') return
            const answer = await core.flushes.apply(ticket, JSON.stringify(flushOf({ client, ledger, entries: part })))
            core.flushes.leave(ticket)
            if (typeof answer !== 'string') return
            const decoded = decodeFlushAnswer(answer)
            if (!decoded.ok || decoded.message.type !== 'flushed') throw new Error(answer)
            expect(applied.length).toBeGreaterThanOrEqual(decoded.message.stable)
            expect(decoded.message.id).toBe(entries[decoded.message.stable - 1]?.id)
          }
          for (const { by, from, count } of steps) {
            const part = entries.slice(from - 1, from - 1 + count)
            if (by === 'flush') flushing.push(flush(part))
            else if (by === 'socket' && peer.closedWith === undefined) peer.say({ type: 'send', confirmed: 0, messages: part })
            else if (by === 'new socket') peer = await open({ client })
            else if (by === 'cut') peer.drop()
            else await clock.settle()
          }
          await clock.settle()
          await clock.pass(10_000)
          await Promise.all(flushing)
          await flush(entries)
          expect(applied).toEqual(entries.map(({ data }) => data))
          expect(core.metrics()).toMatchObject({ flushes: 0, queued: 0 })
        },
      ),
      { numRuns: 200 },
    )
  }, 60_000)
})
