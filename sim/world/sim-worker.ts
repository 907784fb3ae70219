import { ownerLockName, type parseHubName } from '../../src/bridge/lock-names.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { HubPlatform } from '../../src/hub/platform.ts'
import { createMemoryStore } from '../../src/storage/memory-store.ts'
import type { PortEnd } from './port.ts'
import { Process } from './process.ts'
import type { Profile } from './profile.ts'
import type { SimTab } from './sim-tab.ts'
import type { World } from './world.ts'

/** A SharedWorker that runs the hub. It lives in the renderer of the tab that started it. */
export class SimWorker {
  process: Process
  readonly host: SimTab
  readonly scope: string
  readonly generation: number
  readonly build: string
  /** It runs for ever and hears nothing. */
  isWedged = false
  /** Its messages are kept in memory only, and it says so. */
  isForgetful = false
  readonly #world: World
  readonly #profile: Profile
  readonly #ports: { readonly tab: SimTab; readonly end: PortEnd }[] = []
  #connect: (end: PortEnd) => void

  constructor(world: World, profile: Profile, host: SimTab, named: NonNullable<ReturnType<typeof parseHubName>>) {
    this.#world = world
    this.#profile = profile
    this.host = host
    this.scope = named.scope
    this.generation = named.generation
    this.build = named.build
    this.process = new Process(world.schedule, `${profile.name}/worker${named.generation}${named.build}`)
    this.#connect = this.#boot()
  }

  /** A page opens a port. */
  join(tab: SimTab, end: PortEnd): void {
    this.#ports.push({ tab, end })
    const { process } = this
    process.after(this.#world.random.next() * 5, () => this.#connect(end))
  }

  hasTabs(): boolean {
    return this.#ports.some(({ tab }) => tab.process.isAlive)
  }

  /** As Safari does: everything anew behind the same ports, and nobody is told. */
  restartInPlace(): void {
    this.process.kill()
    this.process = new Process(this.#world.schedule, `${this.process.name}'`)
    this.isForgetful = false
    this.#connect = this.#boot()
    for (const { tab, end } of this.#ports) {
      if (!tab.process.isAlive) continue
      end.handTo(this.process)
      this.#connect(end)
    }
  }

  #boot(): (end: PortEnd) => void {
    const { process, scope, generation, build } = this
    const { ids, check } = this.#world
    const profile = this.#profile
    this.#world.trace('worker', process.name, 'starts')
    check.wires.hubs.set(process, () => profile.locks.isHeldBy(process, ownerLockName(scope)))
    const clock = { nowMs: () => profile.nowMs(), setTimer: (delayMs: number, run: () => void) => process.after(delayMs, run) }
    const platform: HubPlatform = {
      clock,
      random: ids,
      locks: profile.locks.of(process),
      log: () => {},
      scope,
      generation,
      build,
      url: 'hub.js',
      hubs: profile.hubs.of(process, scope),
      shared: true,
      openSocket: () => {
        const open = profile.link.openSocket(process)
        return (listener) => {
          check.tries.opens(process)
          return open(listener)
        }
      },
      durableStore: ({ outbox }) => profile.disk(scope).store(process, () => profile.nowMs(), outbox),
      memoryStore: ({ outbox }) => {
        this.isForgetful = true
        check.tries.beginsAgain(process)
        process.onEnd(() => check.forgets(profile, scope))
        return createMemoryStore({ clock, random: ids, limits: outbox })
      },
    }
    const hub = createHub(platform)
    return (end) => {
      end.addEventListener('message', ({ data }) => check.tries.hears(process, data))
      end.tap = (data) => check.tries.says(process, data)
      hub.connect(end)
    }
  }
}
