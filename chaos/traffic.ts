import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from 'holdfast/testing'
import type { Desk } from './desk.ts'
import type { Tab } from './profile.ts'
import { CHANNELS } from './scene.ts'
import type { ServerProcess } from './server-process.ts'

const STEP_MS = 200

/** Has tabs send and the server publish, until `isOver`: mostly a few messages, now and then many at once. */
export async function makeTraffic(
  desk: Desk,
  server: ServerProcess,
  tabs: () => readonly Tab[],
  random: SeededRandom,
  isOver: () => boolean,
): Promise<void> {
  const channel = (): string => CHANNELS[random.integer(0, CHANNELS.length - 1)] ?? ''
  while (!isOver()) {
    for (const { name } of tabs()) {
      const dice = random.integer(1, 100)
      if (dice <= 30) desk.order(name, { channel: channel(), count: random.integer(1, 6) })
      else if (dice === 31) desk.order(name, { channel: channel(), count: 150 })
      else if (dice <= 40) desk.order(name, { channel: channel(), count: random.integer(1, 10), volatile: true })
    }
    const dice = random.integer(1, 100)
    if (dice <= 30) server.order({ type: 'publish', channel: channel(), count: random.integer(1, 5) })
    else if (dice === 31) server.order({ type: 'publish', channel: channel(), count: 450 })
    await sleep(STEP_MS)
  }
  desk.clearOrders()
}
