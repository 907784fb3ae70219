import { DEFAULT_HEARTBEAT } from '../../src/protocol/limits.ts'
import type { Link } from '../world/link.ts'
import type { Process } from '../world/process.ts'
import type { Wire } from '../world/wire.ts'
import type { World } from '../world/world.ts'

/** A client that pings waits so long for anything at all. */
const { timeoutMs: TIMEOUT_MS } = DEFAULT_HEARTBEAT
/** Once the line has been well for so long, what was held up has arrived, and the server has looked again. */
const SETTLED_MS = 90_000

/** Holds the deadlines to I40: none of them ends what moves. */
export class PaceBook {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** A hub takes its socket for dead. */
  givenUp(link: Link, hub: Process): void {
    const { check, schedule, totals } = this.#world
    for (const wire of link.wires) {
      if (wire.hub !== hub || wire.hasClientEnded) continue
      const silentMs = schedule.nowMs - wire.heardMs
      totals.count('sockets taken for dead')
      check.holds(silentMs >= TIMEOUT_MS - 1, 'I40', () => `wire ${wire.id} is given up ${silentMs} ms after something came on it`)
    }
  }

  /** A server takes a client for too slow. */
  closedAsSlow({ id, link }: Wire): void {
    const goodMs = this.#world.schedule.nowMs - link.goodSinceMs
    this.#world.check.holds(goodMs < SETTLED_MS, 'I40', () => `wire ${id} is closed as slow, on a line that was good for ${goodMs} ms`)
  }
}
