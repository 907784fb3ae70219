import { describe, it } from 'vitest'
import { race, steps } from '../core/testing/race-model.ts'
import { OutboxWorld } from './testing/outbox-world.ts'

const kinds = ['plain', 'reply', 'reject'] as const

const anyStep = [
  ...steps<OutboxWorld>(5, 'send', (world, choice) => world.send(1 + (choice % 3), kinds[choice % 3] ?? 'plain')),
  ...steps<OutboxWorld>(2, 'cancel', (world, choice) => world.cancel(choice % 4)),
  ...steps<OutboxWorld>(1, 'retry', (world) => world.retry()),
  ...steps<OutboxWorld>(2, 'cut', (world, choice) => world.cut(choice % 2 === 0)),
  ...steps<OutboxWorld>(3, 'crash', (world, choice) => world.crash(choice % 2 === 0)),
  ...steps<OutboxWorld>(1, 'back up', (world) => world.backUp()),
  ...steps<OutboxWorld>(1, 'crash and go back', (world, choice) => world.crash(choice % 2 === 0, true)),
  ...steps<OutboxWorld>(4, 'seconds pass', (world, choice) => world.clock.advance(1_000 * (choice + 1))),
  ...steps<OutboxWorld>(1, 'the store is slow', (world) => world.clock.advance(31_000)),
  ...steps<OutboxWorld>(1, 'the store fails', (world, choice) =>
    world.failStore(1 + (choice % 3), choice > 3 ? 'storage-full' : 'storage-failed'),
  ),
  ...steps<OutboxWorld>(1, 'sleep', (world, choice) => {
    world.sleep(choice > 5 ? 31 : 15)
    if (choice % 2) world.clock.advance(60_000)
  }),
  ...steps<OutboxWorld>(1, 'the server loses all', (world) => world.loseServer()),
  ...steps<OutboxWorld>(1, 'the server loses what is not stable', (world) => world.server.loseUnstable()),
  ...steps<OutboxWorld>(1, 'the server loses frames', (world, choice) => void (world.server.losing = 1 + (choice % 2))),
  ...steps<OutboxWorld>(2, 'the server stabilises', (world) => world.server.stabilise()),
  ...steps<OutboxWorld>(1, 'the server lies', (world, choice) => world.server.lie(choice % 2 ? 1 : 10_000)),
]

describe('the outbox, a store that answers when it likes, and workers that die at any await', () => {
  it(
    '[I1] [I2] [I3] [I6] [I7] [I8] [I10] [I11] [I12] [I23] [I39] loses nothing, repeats nothing without a word, and empties in the end',
    { timeout: 60_000_000 },
    async () => {
      await race(400, anyStep, (schedule, options) => new OutboxWorld(schedule, options))
    },
  )
})
