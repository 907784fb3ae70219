import type { PortEnd } from './port.ts'
import { Process } from './process.ts'
import type { Profile } from './profile.ts'
import type { SimTab } from './sim-tab.ts'
import { SimWorker, type Named } from './sim-worker.ts'
import type { World } from './world.ts'

/** A SharedWorker that runs the hub. It lives in the renderer of the tab that started it. */
export class SharedSimWorker extends SimWorker {
  readonly #ports: { readonly tab: SimTab; readonly end: PortEnd }[] = []
  #connect: (end: PortEnd) => void

  constructor(world: World, profile: Profile, host: SimTab, named: Named) {
    super(world, profile, host, named, 'shared')
    this.#connect = this.boot()
  }

  /** A page opens a port. */
  join(tab: SimTab, end: PortEnd): void {
    this.#ports.push({ tab, end })
    const { process } = this
    process.after(this.world.random.next() * 5, () => this.#connect(end))
  }

  /** How many ports were opened. */
  get visits(): number {
    return this.#ports.length
  }

  hasTabs(): boolean {
    return this.#ports.some(({ tab }) => tab.process.isAlive)
  }

  /** As Safari does: everything anew behind the same ports, and nobody is told. */
  restartInPlace(): void {
    this.process.kill()
    this.process = new Process(this.world.schedule, `${this.process.name}'`)
    this.isForgetful = false
    this.#connect = this.boot()
    for (const { tab, end } of this.#ports) {
      if (!tab.process.isAlive) continue
      end.handTo(this.process)
      this.#connect(end)
    }
  }
}
