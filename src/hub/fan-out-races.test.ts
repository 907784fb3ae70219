import { describe, it } from 'vitest'
import type { ChannelDelivery, Delivery } from '../bridge/contract.ts'
import { holdLock } from '../bridge/liveness.ts'
import { tabLockName } from '../bridge/lock-names.ts'
import { openHubPort, type HubPort } from '../bridge/tab-end.ts'
import { callsOf } from '../bridge/test-calls.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { id, settings } from '../core/testing/frames.ts'
import { ModelLog } from '../core/testing/model-log.ts'
import { pass, race, steps, type RaceWorld, type Schedule } from '../core/testing/race-model.ts'
import { createScheduledNetwork } from '../core/testing/scheduled-network.ts'
import type { Cursor, PublishedMessage } from '../protocol/messages.ts'
import { createMemoryStore, emptyMemoryContents } from '../storage/memory-store.ts'
import { scheduledStore } from '../storage/testing/scheduled-store.ts'
import { createHub, type Hub } from './hub.ts'
import { beginLife, clockOf, locksOf, scheduledPorts, type WorkerLife } from './testing/scheduled-worker.ts'
import { TestHubs } from './testing/test-hubs.ts'

/** Batches a visible tab may be given before it has answered one. A hidden one answers each. */
const MOST_UNANSWERED = 16

/** One page with one channel: what it was given, and what it has not answered. */
class FanTab {
  readonly life = beginLife()
  readonly name: string
  place: Cursor | null = null
  /** The highest offset given in an epoch. */
  readonly #highest = new Map<string, number>()
  wasReset = false
  isSuspended = false
  isFrozen = false
  #port: HubPort | null = null
  #waiting: (() => void)[] = []
  #unanswered = 0
  #attempts = 0
  /** It came hidden and was not shown since. */
  #isHidden = false

  constructor(name: string) {
    this.name = name
  }

  attach(world: FanWorld): void {
    this.#port?.close({ code: 'closed', message: 'the page comes back' })
    this.#unanswered = 0
    this.isSuspended = false
    this.#isHidden = this.isFrozen
    const [mine, its] = scheduledPorts(world.schedule, [this.life, world.life])
    const deliver = async (batch: Delivery): Promise<null> => {
      if (this.isSuspended) world.wrong('[HU4] a suspended tab is given something')
      if (++this.#unanswered > (this.#isHidden ? 1 : MOST_UNANSWERED)) world.wrong(`[HU3] ${this.#unanswered} batches without an answer`)
      for (const delivery of batch.channels ?? []) this.#take(delivery, world)
      if (this.isFrozen) await new Promise<void>((thaw) => this.#waiting.push(thaw))
      await world.schedule('tab answers')
      this.#unanswered = 0
      return null
    }
    const port = openHubPort(mine, { deliver, credential: () => Promise.resolve({ ok: true, value: null }) }, world.clock)
    this.#port = port
    world.hub.connect(its)
    const lock = tabLockName(world.scope, this.name)
    const attaching = holdLock(locksOf(world.locks, this.life, world.schedule), lock).catch(() => null)
    void Promise.race([attaching, Promise.resolve()]).then(() =>
      callsOf(port).attach({
        bridge: 1,
        tab: this.name,
        attempt: ++this.#attempts,
        lock,
        settings: settings(),
        visible: !this.isFrozen,
        canAuthenticate: false,
        channels: [{ channel: 'a', position: this.place }],
        watchesOutbox: false,
        unsettled: [],
      }),
    )
  }

  signal(signal: 'visible' | 'hidden' | 'suspended'): void {
    const port = this.#port
    if (!port) return
    if (signal === 'visible') this.#isHidden = false
    void callsOf(port)
      .signal(signal)
      .then(({ ok }) => {
        if (ok && port === this.#port && signal === 'suspended') this.isSuspended = true
      })
  }

  /** It was told that there is no value yet. */
  wasToldOfNone = false

  freeze(): void {
    this.isFrozen = true
  }

  thaw(): void {
    this.isFrozen = false
    for (const go of this.#waiting.splice(0)) go()
  }

  #take({ reset, snapshot, messages, position, recovered }: ChannelDelivery, world: FanWorld): void {
    // There is no value to begin with, which says nothing of a place.
    if (reset && !this.place && (reset.reason === 'hook-failed' || reset.reason === 'too-slow')) {
      if (this.wasToldOfNone) world.wrong(`[EF6] ${this.name} is told twice that there is no value yet`)
      this.wasToldOfNone = true
    } else if (reset) {
      if (!this.place) world.wrong(`[HU7] ${this.name} is reset without a place`)
      this.place = null
      this.wasReset = true
    }
    if (snapshot) {
      if (this.place) world.wrong(`[I15] ${this.name} begins anew without a reset`)
      this.wasToldOfNone = false
      this.place = snapshot.json === undefined ? null : (JSON.parse(snapshot.json) as Cursor)
    }
    for (const { offset, id: mid } of JSON.parse(messages ?? '[]') as PublishedMessage[]) {
      const epoch = position?.epoch ?? ''
      if (this.place && (this.place.epoch !== epoch || offset !== this.place.offset + 1))
        world.wrong(`[I15] [I16] ${this.name} is given ${offset} after ${this.place.offset}`)
      if (!world.log.history.has(`${epoch} ${offset} ${mid}`)) world.wrong(`[I19] ${mid} never stood at ${offset}`)
      if (offset <= (this.#highest.get(epoch) ?? 0) && !this.wasReset) world.wrong(`[I16] ${this.name} is given ${offset} again`)
      this.#highest.set(epoch, Math.max(offset, this.#highest.get(epoch) ?? 0))
      this.place = { epoch, offset, id: mid }
    }
    if (position) {
      if (this.place && messages && this.place.offset !== position.offset) world.wrong(`[HU2] ${this.name} is said to be elsewhere`)
      this.place = position
    }
    if (recovered !== undefined && !this.place) world.wrong('[HU8] recovered without a place')
  }
}

/** A hub with a server's log on one side and tabs that answer when they like on the other. */
class FanWorld implements RaceWorld {
  readonly violations: string[] = []
  readonly clock = createFakeClock()
  readonly locks = new PrivateLocks()
  readonly scope = id('scope')
  readonly schedule: Schedule
  readonly log: ModelLog
  life!: WorkerLife
  hub!: Hub
  readonly #others = new TestHubs()
  readonly #network: ReturnType<typeof createScheduledNetwork>
  readonly #contents = emptyMemoryContents()
  readonly #tabs: FanTab[] = []
  #made = 0

  constructor(schedule: Schedule, options: number) {
    this.schedule = schedule
    this.log = new ModelLog(schedule, (options & 1) === 1)
    this.#network = createScheduledNetwork((peer) => this.log.connect(peer), schedule)
    this.#start()
    this.open()
    this.open()
  }

  #start(): void {
    const life = (this.life = beginLife())
    const clock = clockOf(this.clock, life)
    const random = { fraction: () => 0, id: () => id(`made${++this.#made}`) }
    const around = { life, schedule: this.schedule, failure: () => null }
    this.hub = createHub({
      clock,
      random,
      locks: locksOf(this.locks, life, this.schedule),
      log: () => {},
      scope: this.scope,
      generation: 0,
      build: '',
      url: 'hub.js',
      hubs: this.#others.end(() => life.isAlive),
      shared: true,
      openSocket: () => this.#network.socketsOf(life, () => {}),
      durableStore: ({ outbox }) => scheduledStore(createMemoryStore({ clock, random, limits: outbox, contents: this.#contents }), around),
      memoryStore: ({ outbox }) => createMemoryStore({ clock, random, limits: outbox }),
    })
  }

  tab(choice: number): FanTab | undefined {
    return this.#tabs[choice % this.#tabs.length]
  }

  open(): void {
    if (this.#tabs.length > 3) return
    const tab = new FanTab(id(`tab${++this.#made}`))
    this.#tabs.push(tab)
    tab.attach(this)
  }

  /** A tab dies, perhaps with a delivery on its way. */
  kill(choice: number): void {
    if (this.#tabs.length < 2) return
    const [tab] = this.#tabs.splice(choice % this.#tabs.length, 1)
    tab?.life.die()
  }

  suspend(choice: number): void {
    this.tab(choice)?.signal('suspended')
  }

  comeBack(choice: number): void {
    this.tab(choice)?.attach(this)
  }

  crash(): void {
    this.life.die()
    this.cut()
    this.#start()
    for (const tab of this.#tabs) tab.attach(this)
  }

  cut(): void {
    this.log.cut()
    this.#network.cut(false)
  }

  check(): void {
    // Everything is checked where a tab is given something.
  }

  async heal(idle: () => Promise<void>): Promise<void> {
    this.log.failing = 0
    this.log.publish(1)
    for (const tab of this.#tabs) {
      tab.thaw()
      tab.attach(this)
    }
    await pass(idle, this.clock, 120)
    this.log.publish(1)
    await pass(idle, this.clock, 60)
    for (const { name, place } of this.#tabs)
      if (JSON.stringify(place) !== JSON.stringify(this.log.head))
        this.wrong(`[I20] [I32] ${name} is at ${JSON.stringify(place)}, the head is ${JSON.stringify(this.log.head)}`)
    this.life.die()
    for (const { life } of this.#tabs) life.die()
  }

  wrong(what: string): void {
    this.violations.push(what)
  }
}

const anyStep = [
  ...steps<FanWorld>(7, 'publish', (world, choice) => world.log.publish(1 + (choice % 4))),
  ...steps<FanWorld>(1, 'trim', (world, choice) => world.log.trim(choice % 4)),
  ...steps<FanWorld>(1, 'a new epoch', (world) => world.log.beginAnew()),
  ...steps<FanWorld>(1, 'values fail', (world) => void (world.log.failing = 1)),
  ...steps<FanWorld>(1, 'a tab opens', (world) => world.open()),
  ...steps<FanWorld>(1, 'a tab dies', (world, choice) => world.kill(choice)),
  ...steps<FanWorld>(2, 'a tab freezes', (world, choice) => world.tab(choice)?.freeze()),
  ...steps<FanWorld>(2, 'a tab thaws', (world, choice) => world.tab(choice)?.thaw()),
  ...steps<FanWorld>(2, 'a tab hides or shows', (world, choice) => world.tab(choice)?.signal(choice % 2 ? 'hidden' : 'visible')),
  ...steps<FanWorld>(1, 'a tab is suspended', (world, choice) => world.suspend(choice)),
  ...steps<FanWorld>(2, 'a tab comes back', (world, choice) => world.comeBack(choice)),
  ...steps<FanWorld>(2, 'cut', (world) => world.cut()),
  ...steps<FanWorld>(1, 'the hub crashes', (world) => world.crash()),
  ...steps<FanWorld>(3, 'seconds pass', (world, choice) => world.clock.advance(700 * (choice + 1))),
]

describe('tabs that answer when they like', () => {
  it(
    '[I15] [I16] [I19] [I20] [I30] [I32] [HU2] [HU3] are given a gapless sequence or a reset, no more than they answer for, and everything in the end',
    { timeout: 60_000_000 },
    () => race(80, anyStep, (schedule, options) => new FanWorld(schedule, options), 35),
  )
})
