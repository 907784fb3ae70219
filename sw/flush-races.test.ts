import { describe, expect, it } from 'vitest'
import { ownerLockName } from '../src/bridge/lock-names.ts'
import { createSeededRandom } from '../src/testing/seeded-random.ts'
import { flushOutbox } from './flush-outbox.ts'
import { createFlushWorld, FLUSH, idOf, MAX_AGE_MS, reach, SCOPE, type FlushWorld } from './testing/flush-world.ts'

const SEEDS = 100
/** Messages of one seed, at least. */
const MESSAGES = 60

/** What becomes of one POST. `worker-killed`: it arrives, and the flush never runs again. */
const FAULTS = ['none', 'none', 'request-lost', 'answer-lost', 'portal', 'cut-answer', 'busy', 'worker-killed', 'hub-comes'] as const

/** Every seed queues, flushes and is disturbed until nothing is left. */
describe('flushes that are interrupted', () => {
  it(
    `[I1] [I2] [SW7] [SW10] [SW11] in ${SEEDS} seeds of lost requests, lost answers, portals, killed workers and hubs that come, each message is applied once and in order`,
    { timeout: 30_000 },
    async () => {
      for (let seed = 0; seed < SEEDS; seed++) await runSeed(seed)
    },
  )
})

async function runSeed(seed: number): Promise<void> {
  const random = createSeededRandom(seed)
  let faultsLeft = 12
  let kill = (): void => {}
  const world = createFlushWorld(async (scene, text) => {
    const fault = faultsLeft-- > 0 ? (FAULTS[random.integer(0, FAULTS.length - 1)] ?? 'none') : 'none'
    if (fault === 'request-lost') throw new TypeError('Failed to fetch')
    if (fault === 'portal') return { status: 200, text: null }
    if (fault === 'busy') return { status: 503, text: '{"type":"flush_refused","reason":"busy"}' }
    const answer = await reach(scene, text)
    switch (fault) {
      case 'answer-lost':
        throw new TypeError('Failed to fetch')
      case 'cut-answer':
        return { status: 200, text: answer.text?.slice(0, random.integer(0, answer.text.length - 1)) ?? null }
      case 'worker-killed':
        kill()
        return new Promise(() => {})
      case 'hub-comes':
        void hubComes(scene)
        return answer
      default:
        return answer
    }
  })
  const owner = ownerLockName(SCOPE)
  const wanted: string[] = []
  let rounds = 0
  do {
    expect(++rounds, `seed ${seed} goes on for ever`).toBeLessThan(100)
    const count = wanted.length < MESSAGES ? random.integer(0, 30) : 0
    wanted.push(...Array.from({ length: count }, (_, at) => idOf(wanted.length + 1 + at)))
    // Ten messages to a POST at most, for many of them.
    await world.queue(
      Array.from({ length: count }, () => ({})),
      { ...FLUSH, frameBytes: 4 * 350 * random.integer(1, 10) },
    )
    const killed = new Promise<void>((resolve) => (kill = resolve))
    // A worker that was killed lets go of the lock without a word.
    await Promise.race([
      flushOutbox(world.ports, SCOPE, MAX_AGE_MS, new AbortController().signal),
      killed.then(() => world.locks.take(owner)),
    ])
    while ((await world.locks.query()).held?.length) await new Promise(setImmediate)
  } while (world.left().length > 0 || wanted.length < MESSAGES)
  expect(
    world.endpoint.applied.map(({ id }) => id),
    `seed ${seed}`,
  ).toEqual(wanted)
}

/** A hub takes its turn: it opens the store, as it must before it sends anything. */
function hubComes({ locks, store }: FlushWorld): Promise<void> {
  return locks.request(ownerLockName(SCOPE), async () => {
    const hub = store()
    await hub.open()
    hub.close()
  })
}
