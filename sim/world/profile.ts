import { parseHubName } from '../../src/bridge/lock-names.ts'
import type { SteadyClock } from '../../src/core/ports.ts'
import type { ElectedWorker, HubWorker } from '../../src/page/platform.ts'
import { mustGiveBack } from '../check/tabless.ts'
import { Broadcasts } from './broadcasts.ts'
import { Disk } from './disk.ts'
import { ElectedSimWorker } from './elected-sim-worker.ts'
import { Link } from './link.ts'
import { LockTable } from './lock-table.ts'
import { createPorts } from './port.ts'
import type { Process } from './process.ts'
import { SharedSimWorker } from './shared-sim-worker.ts'
import { drawSharing, type Sharing } from './sharing.ts'
import { SimServiceWorker } from './sim-service-worker.ts'
import { SimTab } from './sim-tab.ts'
import type { Named, SimWorker } from './sim-worker.ts'
import { WallClocks, type Layer } from './wall-clocks.ts'
import type { World } from './world.ts'

/** How long a worker may outlive its last tab. */
const EXTENDED_LIFETIME_MS = 30_000

/** A browser with its storage, on a machine of its own. */
export class Profile {
  readonly name: string
  readonly link: Link
  readonly broadcasts: Broadcasts
  readonly sharing: Sharing
  readonly serviceWorker: SimServiceWorker
  /** SharedWorkers by their names. */
  readonly #shared = new Map<string, SharedSimWorker>()
  #elected: ElectedSimWorker[] = []
  /** By scope. */
  readonly disks: Map<string, Disk> = new Map()
  /** The newest is for those who come now. */
  readonly lockTables: LockTable[]
  tabs: SimTab[] = []
  /** Who is signed in. */
  user: string
  readonly clocks: WallClocks
  /** When the last hub began. */
  hubBeganMs = 0
  /** When a page last asked to sign out. */
  askedToLeaveMs = -Infinity
  /** New workers do not start: the script does not load. */
  isScriptBroken = false
  /** Its machine sleeps while nobody is there: then its steady clocks stand still. */
  readonly #sleeps: boolean
  readonly #world: World

  constructor(world: World, name: string, user: string) {
    this.#world = world
    this.name = name
    this.user = user
    this.link = new Link(world, name)
    this.clocks = new WallClocks(world.schedule)
    this.broadcasts = new Broadcasts(world)
    this.sharing = drawSharing(world.random)
    this.#sleeps = world.random.next() < 0.5
    this.serviceWorker = new SimServiceWorker(world, this)
    this.lockTables = [this.#newLockTable()]
  }

  /** The clock of a process that begins now. */
  clockOf(process: Process, layer: Layer): SteadyClock {
    const world = this.#world
    const passedMs = (): number => world.schedule.nowMs - (this.#sleeps ? world.absentMs : 0)
    const beganMs = this.clocks.nowMs(layer) - passedMs()
    return {
      nowMs: () => this.clocks.nowMs(layer),
      steadyMs: () => Math.floor(beganMs + passedMs()),
      setTimer: (delayMs, run) => process.after(delayMs, run),
    }
  }

  get liveTabs(): SimTab[] {
    return this.tabs.filter(({ process }) => process.isAlive)
  }

  get liveWorkers(): SimWorker[] {
    return [...this.#shared.values(), ...this.#elected].filter(({ process }) => process.isAlive)
  }

  /** Where whoever comes now looks for locks. */
  get locks(): LockTable {
    return this.lockTables.at(-1) as LockTable
  }

  disk(scope: string): Disk {
    let disk = this.disks.get(scope)
    if (!disk) this.disks.set(scope, (disk = new Disk(this.#world)))
    return disk
  }

  /**
   * Everything stored for the site is deleted, under the feet of whoever uses it, and service workers go. As in
   * Chromium, who is there keeps the lock table it has, and who comes later gets another one, while databases, ports
   * and broadcasts cross.
   */
  clearSite(): void {
    for (const disk of this.disks.values()) disk.clear()
    this.serviceWorker.unregister()
    this.lockTables.push(this.#newLockTable())
    this.#world.trace('cleared', this.name)
  }

  openTab(): SimTab {
    const tab = new SimTab(this.#world, this)
    this.tabs.push(tab)
    return tab
  }

  /** Starts or joins a SharedWorker, on behalf of a page. */
  startHub(tab: SimTab, name: string): HubWorker {
    const named = this.#starts(tab, name)
    if (this.sharing === 'throws') throw new Error('not allowed here')
    const { schedule, random } = this.#world
    if (this.isScriptBroken || this.sharing === 'fails' || this.sharing === 'silent') {
      const [port] = createPorts(schedule, tab.process, tab.process, () => 1)
      return { port, addEventListener: this.sharing === 'silent' ? () => {} : failing(tab) }
    }
    let worker = this.#shared.get(name)
    if (worker?.process.isAlive !== true) {
      worker = new SharedSimWorker(this.#world, this, tab, named)
      this.#shared.set(name, worker)
    }
    const [here, there] = createPorts(schedule, tab.process, worker.process, () => random.next() * 2)
    worker.join(tab, there)
    return { port: here, addEventListener: () => {} }
  }

  /** Starts a worker of one page. */
  startWorker(tab: SimTab, name: string): ElectedWorker {
    const named = this.#starts(tab, name)
    if (this.isScriptBroken) return { addEventListener: failing(tab), terminate: () => {} }
    const worker = new ElectedSimWorker(this.#world, this, tab, named)
    this.#elected = [...this.#elected.filter(({ process }) => process.isAlive), worker]
    return worker
  }

  /** Ends workers that no tab uses any more. */
  reap(): void {
    for (const worker of this.liveWorkers) {
      if (worker.hasTabs()) continue
      if (worker instanceof SharedSimWorker) mustGiveBack(this.#world, this, worker)
      this.#world.schedule.at(this.#world.random.next() * EXTENDED_LIFETIME_MS, () => {
        if (!worker.hasTabs()) worker.process.kill()
      })
    }
  }

  /** As `kill -9` of the browser. */
  kill(): void {
    for (const tab of this.liveTabs) tab.process.kill()
    for (const worker of this.liveWorkers) worker.process.kill()
    this.serviceWorker.process.kill()
  }

  heal(): void {
    this.link.heal()
    this.link.meddlings.length = 0
    this.isScriptBroken = false
    this.broadcasts.heal()
    this.serviceWorker.process.resume()
    for (const disk of this.disks.values()) disk.heal()
    for (const worker of this.liveWorkers) if (!worker.isWedged) worker.process.resume()
    for (const tab of this.liveTabs) tab.goOn()
  }

  #newLockTable(): LockTable {
    return new LockTable(this.#world.schedule, () => this.#world.random.next() * 3)
  }

  #starts(tab: SimTab, name: string): Named {
    this.#world.trace('joins', tab.process.name, name.slice(-2))
    const named = parseHubName(name)
    if (!named) throw new Error(`not a name of a hub: ${name}`)
    return { ...named, name }
  }
}

/** The script does not load: the page is told a little later. */
function failing(tab: SimTab): (type: string, listener: unknown) => void {
  return (_type, listener) => void tab.process.after(20, listener as () => void)
}
