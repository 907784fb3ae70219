import { parseHubName } from '../../src/bridge/lock-names.ts'
import type { HubWorker } from '../../src/page/platform.ts'
import { Disk } from './disk.ts'
import { Link } from './link.ts'
import { LockTable } from './lock-table.ts'
import { createPorts } from './port.ts'
import { SimHubs } from './sim-hubs.ts'
import { SimServiceWorker } from './sim-service-worker.ts'
import { SimTab } from './sim-tab.ts'
import { SimWorker } from './sim-worker.ts'
import { EPOCH_MS } from './epoch.ts'
import type { World } from './world.ts'

/** How long a worker may outlive its last tab. */
const EXTENDED_LIFETIME_MS = 5_000

/** A browser with its storage, on a machine of its own. */
export class Profile {
  readonly name: string
  readonly link: Link
  readonly locks: LockTable
  readonly hubs: SimHubs = new SimHubs()
  readonly serviceWorker: SimServiceWorker
  readonly workers: Map<string, SimWorker> = new Map()
  readonly disks: Map<string, Disk> = new Map()
  tabs: SimTab[] = []
  /** Who is signed in. */
  user: string
  /** How far the wall clock is off. */
  skewMs = 0
  /** New workers do not start: the script does not load. */
  isScriptBroken = false
  readonly #world: World

  constructor(world: World, name: string, user: string) {
    this.#world = world
    this.name = name
    this.user = user
    this.link = new Link(world, name)
    this.serviceWorker = new SimServiceWorker(world, this)
    this.locks = new LockTable(world.schedule, () => world.random.next() * 3)
  }

  /** The wall clock, in whole milliseconds as browsers give it. */
  nowMs(): number {
    return Math.floor(EPOCH_MS + this.#world.schedule.nowMs + this.skewMs)
  }

  get liveTabs(): SimTab[] {
    return this.tabs.filter(({ process }) => process.isAlive)
  }

  get liveWorkers(): SimWorker[] {
    return [...this.workers.values()].filter(({ process }) => process.isAlive)
  }

  disk(scope: string): Disk {
    let disk = this.disks.get(scope)
    if (!disk) this.disks.set(scope, (disk = new Disk(this.#world)))
    return disk
  }

  openTab(): SimTab {
    const tab = new SimTab(this.#world, this)
    this.tabs.push(tab)
    return tab
  }

  /** Starts or joins a worker, on behalf of a page. */
  startHub(tab: SimTab, workerName: string): HubWorker {
    this.#world.trace('joins', tab.process.name, workerName.slice(-2))
    const named = parseHubName(workerName)
    if (!named) throw new Error(`not a name of a hub: ${workerName}`)
    if (this.isScriptBroken) {
      const [port] = createPorts(this.#world.schedule, tab.process, tab.process, () => 1)
      const addEventListener = (_type: string, listener: () => void): void => void tab.process.after(20, listener)
      return { port, addEventListener } as unknown as HubWorker
    }
    let worker = this.workers.get(workerName)
    if (worker?.process.isAlive !== true) {
      worker = new SimWorker(this.#world, this, tab, named)
      this.workers.set(workerName, worker)
    }
    const { schedule, random } = this.#world
    const [here, there] = createPorts(schedule, tab.process, worker.process, () => random.next() * 2)
    worker.join(tab, there)
    return { port: here, addEventListener: () => {} }
  }

  /** Ends workers that no tab uses any more. */
  reap(): void {
    for (const worker of this.liveWorkers) {
      if (worker.hasTabs()) continue
      this.#world.schedule.at(this.#world.random.next() * EXTENDED_LIFETIME_MS, () => {
        if (!worker.hasTabs()) worker.process.kill()
      })
    }
  }

  /** As `kill -9` of the browser. */
  kill(): void {
    for (const tab of this.liveTabs) tab.process.kill()
    for (const worker of this.liveWorkers) worker.process.kill()
    this.workers.clear()
    this.serviceWorker.process.kill()
  }

  heal(): void {
    this.link.heal()
    this.link.meddlings.length = 0
    this.isScriptBroken = false
    this.serviceWorker.process.resume()
    for (const disk of this.disks.values()) disk.heal()
    for (const worker of this.liveWorkers) if (!worker.isWedged) worker.process.resume()
    for (const tab of this.liveTabs) tab.goOn()
  }
}
