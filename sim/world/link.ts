import type { OpenSocket } from '../../src/core/ports.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'
import type { Meddling } from './worker-socket.ts'
import { Wire } from './wire.ts'

/** What the network between one browser and the server is like now. */
export interface Conditions {
  /** What becomes of a new connection. */
  readonly opens: 'normally' | 'refused' | 'closed-at-once'
  /** Nothing passes this way; it waits. */
  readonly holdsUp: boolean
  readonly holdsDown: boolean
  readonly latencyMs: number
  readonly jitterMs: number
  readonly bytesPerMs: number
}

const GOOD: Conditions = { opens: 'normally', holdsUp: false, holdsDown: false, latencyMs: 20, jitterMs: 10, bytesPerMs: Infinity }

/** The network between one browser and the server. */
export class Link {
  conditions: Conditions
  /** Since when nothing is the matter with it. */
  goodSinceMs = 0
  readonly wires: Set<Wire> = new Set()
  /** What happens to the next sockets of service workers. */
  readonly meddlings: Meddling[] = []
  readonly #world: World
  readonly name: string

  constructor(world: World, name: string) {
    this.#world = world
    this.name = name
    this.conditions = { ...GOOD, bytesPerMs: world.settings.lineBytesPerMs }
  }

  change(changes: Partial<Conditions>): void {
    this.conditions = { ...this.conditions, ...changes }
    this.goodSinceMs = this.#world.schedule.nowMs
    for (const wire of this.wires) wire.goOn()
  }

  /** Everything is well again. */
  heal(): void {
    this.change({ ...GOOD, bytesPerMs: this.#world.settings.lineBytesPerMs })
  }

  latencyMs(): number {
    const { latencyMs, jitterMs } = this.conditions
    return latencyMs + this.#world.random.next() * jitterMs
  }

  /** Ends every connection. `null`: that side is not told. */
  cut(clientAfterMs: number | null, serverAfterMs: number | null): void {
    for (const wire of this.wires) wire.cut(clientAfterMs, serverAfterMs)
  }

  /** Opens sockets for a worker. */
  openSocket(process: Process): OpenSocket {
    return (listener) => {
      const wire = new Wire(this.#world, this, process, listener)
      this.wires.add(wire)
      return wire.open()
    }
  }
}
