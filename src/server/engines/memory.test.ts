import { expect, it } from 'vitest'
import { EngineWorld, hello, idOf, number, to } from '../testing/engine-world.ts'
import { engineContract } from './engine-contract.ts'
import { memoryEngine } from './memory.ts'
import { Revocations } from './revocations.ts'

const make = ({ maxChannels, maxHistoryBytes }: { maxChannels: number; maxHistoryBytes: number }): ReturnType<typeof memoryEngine> =>
  memoryEngine({ maxChannels, maxHistoryBytes })

engineContract('the memory engine', make)

it('[BU8] forgets so many sessions and records in one sweep, and the rest in those that follow', async () => {
  const world = await EngineWorld.start(make, { maxSessions: 25_000, recordBytes: 2 ** 26 })
  const { engine, clock } = world
  for (let at = 0; at < 25_000; at++) {
    await engine.admit({ ...hello(`s${at}`), user: null })
    await engine.commit(idOf(`c${at}`), null, [number(1)])
  }
  clock.advance(2 ** 31)
  const left: unknown[] = []
  for (let sweeps = 0; sweeps < 3; sweeps++) {
    engine.sweep()
    const { sessions, clients } = engine.counts()
    left.push([sessions, clients])
  }
  expect(left).toEqual([
    [15_000, 15_000],
    [5_000, 5_000],
    [0, 0],
  ])
})

it('[BU8] forgets so many revocations in one sweep, the oldest first', () => {
  const revocations = new Revocations(100_000)
  for (let at = 0; at < 12_000; at++) revocations.add({ client: idOf(`c${at}`) }, 1)
  revocations.sweep(1)
  // What is remembered is told by its own number, what is forgotten by that of the last one that was.
  expect([0, 9_999, 10_000, 11_999].map((at) => revocations.at(idOf(`c${at}`), null))).toEqual([10_000, 10_000, 10_001, 12_000])
  revocations.sweep(1)
  expect(revocations.at(idOf('c10000'), null)).toBe(12_000)
})

it('[BU8] gives up so many channels for one message, and trims so many in one sweep', async () => {
  const makeLarge = (): ReturnType<typeof memoryEngine> => memoryEngine({ maxChannels: 20_000, maxHistoryBytes: 20_000 * 1_024 })
  const world = await EngineWorld.start(makeLarge, { history: { messages: 1_000, bytes: 2 ** 24, ageMs: 60_000 } })
  const { engine, clock } = world
  for (let at = 0; at < 20_000; at++) await engine.publish([to(`c${at}`)])
  await engine.publish([{ key: 'c19999', data: JSON.stringify('x'.repeat(200_000)) }])
  const left = [engine.counts().channels]
  await engine.publish([to('c19998')])
  left.push(engine.counts().channels)
  clock.advance(120_000)
  for (let sweeps = 0; sweeps < 2; sweeps++) {
    engine.sweep()
    left.push(engine.counts().logMessages)
  }
  expect(left).toEqual([19_936, 19_872, 9_873, 0])
})
