import type { Broadcast, OpenBroadcast } from '../../src/bridge/broadcast-port.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** How long a message takes, at most, while nothing delays it. */
const QUICK_MS = 2

interface End {
  readonly name: string
  readonly process: Process
  readonly listeners: ((event: { readonly data: unknown }) => void)[]
  isOpen: boolean
}

/** The broadcast channels of one browser. Nobody hears what was said before, or by the same object; what one object says arrives everywhere in its order. */
export class Broadcasts {
  /** How long a message takes, at most. */
  mostMs: number = QUICK_MS
  readonly #world: World
  #ends: End[] = []

  constructor(world: World) {
    this.#world = world
  }

  /** The channels as one process sees them. */
  of(process: Process): OpenBroadcast {
    process.onEnd(() => (this.#ends = this.#ends.filter((end) => end.process !== process)))
    return (name) => this.#open(process, name)
  }

  /** Names of the channels that are open and begin so. */
  namesOf(beginning: string): string[] {
    return [...new Set(this.#ends.map(({ name }) => name))].filter((name) => name.startsWith(beginning))
  }

  heal(): void {
    this.mostMs = QUICK_MS
  }

  #open(process: Process, name: string): Broadcast {
    const { schedule, random } = this.#world
    const mine: End = { name, process, listeners: [], isOpen: true }
    let lastMs = 0
    // What still runs of a process that has ended hears nothing.
    if (process.isAlive) this.#ends.push(mine)
    return {
      addEventListener: (_type, listener) => void mine.listeners.push(listener),
      postMessage: (data) => {
        if (!mine.isOpen) throw new DOMException('the channel is closed', 'InvalidStateError')
        if (!process.isAlive) return
        lastMs = Math.max(lastMs, schedule.nowMs + random.next() * this.mostMs)
        for (const end of this.#ends) {
          if (end === mine || end.name !== name) continue
          const hear = (): void => {
            if (end.isOpen) for (const listener of end.listeners) listener({ data })
          }
          schedule.at(lastMs - schedule.nowMs, () => end.process.post(hear))
        }
      },
      close: () => {
        mine.isOpen = false
        this.#ends = this.#ends.filter((end) => end !== mine)
      },
    }
  }
}
