import type { LiveServerOptions } from '../../src/server/options.ts'
import { LiveCore } from '../../src/server/live-core.ts'
import { resolveOptions } from '../../src/server/resolve-options.ts'
import { Process } from './process.ts'
import { SimEngine } from './sim-engine.ts'
import { EPOCH_MS } from './epoch.ts'
import type { World } from './world.ts'

/** The server's process and its engine. */
export class SimServer {
  process: Process
  engine: SimEngine
  core!: LiveCore
  /** Whether something answers at its address. */
  isListening = false
  isRetiring = false
  /** Its engine will have lost everything when it starts again. */
  forgets = false
  /** How far its wall clock is off. */
  clockOffMs = 0
  readonly #world: World
  readonly #options: LiveServerOptions

  constructor(world: World, options: LiveServerOptions, isDurable: boolean) {
    this.#world = world
    this.#options = options
    this.process = new Process(world.schedule, 'server')
    this.engine = new SimEngine(world, isDurable)
  }

  start(): void {
    const { schedule, ids } = this.#world
    const bootMs = schedule.nowMs
    const process = (this.process = new Process(schedule, 'server'))
    const { isDurable } = this.engine
    if (!isDurable || this.forgets) this.engine = new SimEngine(this.#world, isDurable)
    this.forgets = false
    this.core = new LiveCore(
      resolveOptions({
        // Errors are made by the thousand, and the check hears of their effects.
        log: () => {},
        ...this.#options,
        engine: this.engine,
        random: { id: () => ids.id(), token: () => ids.id() + ids.id().slice(1) },
        clock: {
          nowMs: () => schedule.nowMs - bootMs,
          wallMs: () => this.wallMs(),
          setTimer: (delayMs, run) => process.after(delayMs, run),
          soon: (run) => void process.after(0, run),
        },
      }),
    )
    this.isListening = true
    this.#world.trace('server', 'starts')
  }

  /** The machine's wall clock, as its app sees it, too. */
  wallMs(): number {
    return EPOCH_MS + this.#world.schedule.nowMs + this.clockOffMs
  }

  /** As `kill -9`. A memory engine goes with it. */
  kill(): void {
    this.isListening = false
    this.isRetiring = false
    this.#world.trace('server', 'dies')
    this.process.kill()
  }

  /** Runs again, whatever was the matter. */
  heal(): void {
    this.engine.trouble = null
    this.engine.trap = null
    this.process.resume()
    if (!this.isListening && !this.isRetiring) this.start()
  }

  /** Restarts as a deploy does: takes no more connections, says goodbye, drains, ends. */
  retire(drainMs: number, ended: () => void): void {
    const { process } = this
    this.isListening = false
    this.isRetiring = true
    this.#world.trace('server', 'retires')
    this.#world.check.farewells.begun(drainMs)
    void this.core.close(drainMs).then(() =>
      process.after(50, () => {
        this.isRetiring = false
        process.kill()
        ended()
      }),
    )
  }
}
