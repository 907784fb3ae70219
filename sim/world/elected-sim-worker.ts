import { listenForPorts } from '../../src/bridge/broadcast-port.ts'
import type { ElectedWorker } from '../../src/page/platform.ts'
import type { Profile } from './profile.ts'
import type { SimTab } from './sim-tab.ts'
import { SimWorker, type Named } from './sim-worker.ts'
import type { World } from './world.ts'

/** How long a script takes to run, at most. */
const LOADING_MS = 30
/** How long a worker may go on after its page has ended it: it runs in a thread of its own. */
const ENDING_MS = 2

/** A worker of one tab that runs the hub for all. It stands still and ends with its page. */
export class ElectedSimWorker extends SimWorker implements ElectedWorker {
  constructor(world: World, profile: Profile, host: SimTab, named: Named) {
    super(world, profile, host, named, 'elected')
    const { process } = this
    process.after(world.random.next() * LOADING_MS, () => {
      listenForPorts(profile.broadcasts.of(process), named.name, world.ids.id(), this.boot())
    })
  }

  /** Its script never fails. */
  addEventListener(): void {}

  terminate(): void {
    this.world.schedule.at(this.world.random.next() * ENDING_MS, () => this.process.kill())
  }

  hasTabs(): boolean {
    return this.process.isAlive
  }
}
