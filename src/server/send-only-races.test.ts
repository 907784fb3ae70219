import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Engine } from './engine.ts'
import { memoryEngine } from './engines/memory.ts'
import { fakeServer, type FakePeer } from './testing/fake-peer.ts'
import { numberedMessages } from './testing/numbered-messages.ts'

const COUNT = 12

/** One party does something with a part of the outbox; nobody waits for anybody. */
const anyStep = fc.record({
  by: fc.constantFrom('worker', 'worker', 'new worker', 'socket', 'new socket', 'cut', 'wait'),
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
      if (!['commit', 'loadClient', 'revokedAt', 'admit'].includes(String(key))) return value.bind(target) as unknown
      return async (...given: unknown[]): Promise<unknown> => {
        for (let left = turns[call++ % turns.length] ?? 0; left > 0; left--) await Promise.resolve()
        return Reflect.apply(value, target, given)
      }
    },
  })
}

describe('a connection that only sends, beside sockets', () => {
  it('(X2) (X4) [P39] [P10] [I7] [I8] [I13] every number is applied once and in order, whoever brings it, and nobody is told of one that is not committed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { minLength: 1, maxLength: 25 }),
        fc.array(fc.nat(12), { minLength: 1, maxLength: 20 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
        async (steps, turns, handlerTurns) => {
          const applied: unknown[] = []
          const { core, clock, open } = fakeServer({
            engine: slowEngine(turns),
            limits: { sendOnlyPerMinute: 1_000 },
            onMessage: async ({ data, n = 0 }) => {
              for (let left = handlerTurns[n % handlerTurns.length] ?? 0; left > 0; left--) await Promise.resolve()
              applied.push(data)
            },
          })
          const messages = numberedMessages(1, COUNT)
          let peer = await open()
          const { client } = peer
          const { outboxToken = '' } = peer.answer()
          let worker = await open({ client, outboxToken })
          const peers: FakePeer[] = [peer, worker]
          const say = (to: FakePeer, from: number, count: number): void => {
            if (to.closedWith === undefined) to.say({ type: 'send', confirmed: 0, messages: messages.slice(from - 1, from - 1 + count) })
          }
          for (const { by, from, count } of steps) {
            if (by === 'worker') say(worker, from, count)
            else if (by === 'socket') say(peer, from, count)
            else if (by === 'new socket') peers.push((peer = await open({ client })))
            else if (by === 'cut') peer.drop()
            else if (by === 'wait') await clock.settle()
            else {
              worker.drop()
              peers.push((worker = await open({ client, outboxToken })))
              expect(worker.closedWith).toBeUndefined()
            }
            for (const { hi, id } of peers.flatMap((each) => each.all('ack'))) {
              expect(applied.length).toBeGreaterThanOrEqual(hi)
              expect(id).toBe(messages[hi - 1]?.id)
            }
          }
          await clock.settle()
          worker.drop()
          say(await open({ client, outboxToken }), 1, COUNT)
          await clock.settle()
          expect(applied).toEqual(messages.map(({ data }) => data))
          expect(core.metrics()).toMatchObject({ sendOnly: 1, queued: 0 })
        },
      ),
      { numRuns: 200 },
    )
  }, 60_000)
})
