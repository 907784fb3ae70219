import { describe, expect, it } from 'vitest'
import { ownerLockName } from '../src/bridge/lock-names.ts'
import { createSeededRandom } from '../src/testing/seeded-random.ts'
import { sendOutbox } from './send-outbox.ts'
import { createSendWorld, idOf, MAX_AGE_MS, SCOPE, type SendWorld } from './testing/send-world.ts'

const SEEDS = 100
/** Messages of one seed, at least. */
const MESSAGES = 60

/** What becomes of one ack. `worker-killed`: it arrives at nobody, and the event never goes on. */
const FAULTS = ['none', 'none', 'frame-lost', 'ack-lost', 'portal', 'cut', 'worker-killed', 'hub-comes'] as const

/** Every seed queues, sends and is disturbed until nothing is left. */
describe('sending that is interrupted', () => {
  it(
    `(X5) [I1] [I2] [I13] [SW7] [SW10] [SW11] in ${SEEDS} seeds of lost frames, lost acks, portals, killed workers and hubs that come, each message is applied once and in order`,
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
  const world = createSendWorld()
  const draw = (): (typeof FAULTS)[number] => (faultsLeft-- > 0 ? (FAULTS[random.integer(0, FAULTS.length - 1)] ?? 'none') : 'none')
  world.between = {
    opens: (far) => (random.next() < 0.1 && faultsLeft-- > 0 ? (far.cut(), false) : true),
    up(far, message) {
      if (message.type !== 'send' || random.next() < 0.6) return true
      const fault = draw()
      if (fault === 'frame-lost') return (far.cut(), false)
      if (fault === 'portal') return (far.say('<html>sign in</html>'), false)
      return true
    },
    down(far, message) {
      if (message.type !== 'ack') return true
      const fault = draw()
      if (fault === 'hub-comes') void hubComes(world)
      if (fault === 'worker-killed') {
        far.isOver = true
        kill()
      }
      if (fault === 'ack-lost' || fault === 'cut') far.cut()
      return fault !== 'ack-lost' && fault !== 'worker-killed'
    },
  }
  const owner = ownerLockName(SCOPE)
  const wanted: string[] = []
  let rounds = 0
  do {
    expect(++rounds, `seed ${seed} goes on for ever`).toBeLessThan(100)
    const count = wanted.length < MESSAGES ? random.integer(0, 30) : 0
    wanted.push(...Array.from({ length: count }, (_, at) => idOf(wanted.length + 1 + at)))
    await world.queue(Array.from({ length: count }, () => ({})))
    await oneEvent(world, (die) => (kill = die))
    // A worker that was killed lets go of the lock without a word.
    world.locks.take(owner)
    while ((await world.locks.query()).held?.length) await new Promise(setImmediate)
  } while (world.left().length > 0 || wanted.length < MESSAGES)
  expect(world.applied(), `seed ${seed}`).toEqual(wanted)
}

/** One event, to its end or to that of its worker. Time passes while nothing else does. */
async function oneEvent(world: SendWorld, onKill: (die: () => void) => void): Promise<void> {
  const over = new AbortController()
  onKill(() => over.abort())
  void sendOutbox(world.ports, SCOPE, MAX_AGE_MS, new AbortController().signal).then(() => over.abort())
  while (!over.signal.aborted) {
    await new Promise(setImmediate)
    if (!over.signal.aborted) world.clock.advance(500)
  }
}

/** A hub takes its turn: it opens the store, as it must before it sends anything. */
function hubComes({ locks, store }: SendWorld): Promise<void> {
  return locks.request(ownerLockName(SCOPE), async () => {
    const hub = store()
    await hub.open()
    hub.close()
  })
}
