import type { BridgePort } from '../../src/bridge/bridge-port.ts'
import { ownerLockName, type parseHubName, type Rung } from '../../src/bridge/lock-names.ts'
import { broadcastHubs } from '../../src/hub/broadcast-hubs.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { HubPlatform } from '../../src/hub/platform.ts'
import { createMemoryStore } from '../../src/storage/memory-store.ts'
import type { LockTable } from './lock-table.ts'
import { Process } from './process.ts'
import type { Profile } from './profile.ts'
import type { SimTab } from './sim-tab.ts'
import type { World } from './world.ts'

/** What a worker's name says. */
export type Named = NonNullable<ReturnType<typeof parseHubName>> & { readonly name: string }

/** A worker that runs a hub. */
export abstract class SimWorker {
  process: Process
  /** The page that started it. */
  readonly host: SimTab
  readonly rung: Rung
  readonly named: Named
  /** It runs for ever and hears nothing. */
  isWedged = false
  /** Its messages are kept in memory only, and it says so. */
  isForgetful = false
  protected readonly world: World
  protected readonly profile: Profile
  /** Where it looks for locks: a worker starts in the newest table, whoever starts it. */
  readonly lockTable: LockTable

  constructor(world: World, profile: Profile, host: SimTab, named: Named, rung: Rung) {
    this.world = world
    this.profile = profile
    this.lockTable = profile.locks
    this.host = host
    this.named = named
    this.rung = rung
    const name = `${profile.name}/${rung === 'shared' ? 'worker' : `tab${host.number}/worker`}${named.generation}${named.build}`
    this.process = rung === 'shared' ? new Process(world.schedule, name) : host.process.startPart(name)
  }

  get scope(): string {
    return this.named.scope
  }

  /** Whether anybody uses it. */
  abstract hasTabs(): boolean

  /** Runs the script. @returns how to give it a port */
  protected boot(): (port: BridgePort) => void {
    const { process, world, profile, lockTable } = this
    const { scope, generation, build } = this.named
    const { ids, check } = world
    world.trace('worker', process.name, 'starts')
    profile.hubBeganMs = world.schedule.nowMs
    world.totals.count(this.rung === 'shared' ? 'hubs that ran in SharedWorkers' : 'hubs that ran in tabs')
    check.wires.hubs.set(process, () => lockTable.isHeldBy(process, ownerLockName(scope)))
    const clock = profile.clockOf(process, 'hubs')
    const platform: HubPlatform = {
      clock,
      random: ids,
      locks: lockTable.of(process),
      log: ({ event }) => {
        if (event === 'heartbeat-timeout') check.pace.givenUp(profile.link, process)
      },
      scope,
      generation,
      build,
      url: 'hub.js',
      hubs: broadcastHubs(profile.broadcasts.of(process), scope),
      shared: this.rung === 'shared',
      openSocket: () => {
        const open = profile.link.openSocket(process)
        return (listener) => {
          check.tries.opens(process)
          return open(listener)
        }
      },
      durableStore: ({ outbox }) => profile.disk(scope).store(process, clock, outbox),
      memoryStore: ({ outbox }) => {
        this.isForgetful = true
        check.tries.beginsAgain(process)
        process.onEnd(() => check.forgets(profile, scope))
        return createMemoryStore({ clock, random: ids, limits: outbox })
      },
    }
    const hub = createHub(platform)
    return (port) => {
      port.addEventListener('message', ({ data }) => {
        check.tries.hears(process, data)
        const call = data as { readonly path?: readonly string[]; readonly argumentList?: readonly { readonly value?: unknown }[] } | null
        if (call?.path?.[0] === 'send') check.upward.handedOver(call.argumentList?.[0]?.value)
      })
      hub.connect({
        addEventListener: (type, listener) => port.addEventListener(type, listener),
        postMessage: (data) => {
          check.tries.says(process, data)
          port.postMessage(data)
        },
        start: () => port.start(),
        close: () => port.close(),
      })
    }
  }
}
