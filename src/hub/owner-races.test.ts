import { describe, it } from 'vitest'
import { ownerLockName } from '../bridge/lock-names.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import type { OutboxState } from '../core/ports.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { id, message } from '../core/testing/frames.ts'
import { ModelServer } from '../core/testing/model-server.ts'
import { pass, race, steps, type RaceWorld, type Schedule } from '../core/testing/race-model.ts'
import { createScheduledNetwork } from '../core/testing/scheduled-network.ts'
import type { Id } from '../protocol/messages.ts'
import { createMemoryStore, emptyMemoryContents } from '../storage/memory-store.ts'
import { scheduledStore } from '../storage/testing/scheduled-store.ts'
import { createHub, type Hub } from './hub.ts'
import { RaceTab, type TabSurroundings } from './testing/race-tab.ts'
import { beginLife, clockOf, locksOf, type WorkerLife } from './testing/scheduled-worker.ts'
import { TestHubs } from './testing/test-hubs.ts'

interface RunningHub extends Hub {
  readonly life: WorkerLife
  readonly generation: number
}

/** Hubs of one scope on one store, tabs that go from one to the next, and a server. */
class OwnerWorld implements RaceWorld, TabSurroundings {
  readonly violations: string[] = []
  readonly locks = new PrivateLocks()
  readonly clock = createFakeClock()
  readonly scope = id('scope')
  readonly schedule: Schedule
  readonly #others = new TestHubs()
  readonly #server = new ModelServer()
  readonly #network: ReturnType<typeof createScheduledNetwork>
  readonly #contents = emptyMemoryContents()
  readonly #tabs: RaceTab[] = []
  readonly #hubs: RunningHub[] = []
  readonly #gone: RaceTab[] = []
  #before: OutboxState | null = null
  #made = 0

  constructor(schedule: Schedule) {
    this.schedule = schedule
    this.#network = createScheduledNetwork((peer) => this.#server.connect(peer), schedule)
    this.#start(0)
    this.open()
    this.open()
  }

  #start(generation: number): RunningHub {
    const life = beginLife()
    const clock = clockOf(this.clock, life)
    const random = { fraction: () => 0, id: () => id(`made${++this.#made}`) }
    const hub = createHub({
      clock,
      random,
      locks: locksOf(this.locks, life, this.schedule),
      log: () => {},
      scope: this.scope,
      generation,
      build: '',
      url: 'hub.js',
      hubs: this.#others.end(() => life.isAlive),
      shared: true,
      openSocket: () => this.#network.socketsOf(life, (text) => this.#leaves(text)),
      durableStore: ({ outbox }) =>
        scheduledStore(createMemoryStore({ clock, random, limits: outbox, contents: this.#contents }), {
          life,
          schedule: this.schedule,
          failure: () => null,
        }),
      memoryStore: ({ outbox }) => createMemoryStore({ clock, random, limits: outbox }),
    })
    const running = { ...hub, life, generation }
    this.#hubs.push(running)
    return running
  }

  hub(): RunningHub {
    const newest = this.#hubs.at(-1)
    if (!newest) throw new Error('there is a hub from the beginning')
    return newest.life.isAlive ? newest : this.#start(newest.generation)
  }

  replace(hub: { readonly life: WorkerLife }): void {
    const newest = this.hub()
    if (newest.life === hub.life) this.#start(newest.generation + 1)
  }

  open(): void {
    if (this.#tabs.length < 3) this.#tabs.push(new RaceTab(this, id(`tab${++this.#made}`)))
  }

  close(choice: number): void {
    const [tab] = this.#tabs.length > 1 ? this.#tabs.splice(choice % this.#tabs.length, 1) : []
    if (!tab) return
    tab.life.die()
    this.#gone.push(tab)
  }

  send(choice: number): void {
    const tab = this.#tabs[choice % this.#tabs.length]
    tab?.send(Array.from({ length: 1 + (choice % 3) }, () => message(`m${++this.#made}`)))
  }

  crash(): void {
    this.hub().life.die()
    this.#network.cut(this.#made % 2 === 0)
  }

  cut(arrives: boolean): void {
    this.#network.cut(arrives)
  }

  check(): void {
    const { stored } = this.#contents
    if (!stored || stored.outbox === this.#before) return
    const { entries, acked, next } = stored.outbox
    if (next !== acked + entries.length + 1 || entries.some(({ n }, at) => n !== acked + at + 1)) this.#wrong('[I3] the numbers have a gap')
    if (new Set(entries.map((entry) => entry.id)).size !== entries.length) this.#wrong('[OB17] a message has two numbers')
    const held = new Set(entries.map((entry) => entry.id))
    for (const entry of this.#before?.entries ?? [])
      if (!held.has(entry.id) && !stored.memory.fates.has(entry.id)) this.#wrong(`[I2] ${entry.id} left the store without a fate`)
    for (const tab of [...this.#tabs, ...this.#gone])
      for (const { id: mid, state } of tab.messages.values())
        if (state === 'queued' && !held.has(mid) && !stored.memory.fates.has(mid)) this.#wrong(`[I1] ${mid} is queued and not stored`)
    this.#before = stored.outbox
  }

  async heal(idle: () => Promise<void>): Promise<void> {
    await pass(idle, this.clock, 150)
    const { effects } = this.#server
    const { held = [] } = await this.locks.query()
    if (held.filter(({ name }) => name === ownerLockName(this.scope)).length !== 1) this.#wrong('[HU12] there is not one owner')
    if (this.#contents.stored?.outbox.entries.length !== 0) this.#wrong('[I32] the outbox is not empty')
    for (const tab of this.#tabs) {
      if (!tab.isIdle) this.#wrong(`[TB12] ${tab.id} waits for ever`)
      if (tab.unsettled.length > 0) this.#wrong(`[HU10] ${tab.unsettled.join()} have no end that their tab knows of`)
    }
    for (const tab of [...this.#tabs, ...this.#gone]) {
      const took = effects.filter((effect) => tab.messages.has(effect.id)).map((effect) => effect.id)
      if (new Set(took).size !== took.length) this.#wrong('[I7] a message took effect twice')
      const sent = [...tab.messages.keys()].filter((mid) => took.includes(mid))
      if (sent.join() !== took.join()) this.#wrong(`[I8] ${tab.id} sent ${sent.join()} and got ${took.join()}`)
      for (const { id: mid, state, fates } of tab.messages.values()) {
        if (state === 'queued' && !took.includes(mid)) this.#wrong(`[I6] ${mid} was queued and is lost`)
        // A hub that has lost the lease says that it cannot store; the message must then not take effect later.
        if (state === 'failed' && took.includes(mid)) this.#wrong(`[I5] ${mid} failed and took effect`)
        if (fates.some((fate) => fate !== 'applied')) this.#wrong(`[HU10] the end of ${mid} is told as ${fates.join()}`)
      }
    }
    for (const tab of this.#tabs) tab.life.die()
    for (const { life } of this.#hubs) life.die()
  }

  /** [I4] A frame may be late; what it carries is stored as possibly sent, or was acknowledged. */
  #leaves(text: string): void {
    const frame = JSON.parse(text) as { messages?: { n: number; id: Id }[] }
    const outbox = this.#contents.stored?.outbox
    for (const { n, id: mid } of frame.messages ?? []) {
      if (!outbox || n <= outbox.acked) continue
      if (n > outbox.sentThrough || outbox.entries[n - outbox.acked - 1]?.id !== mid) this.#wrong(`[I4] ${mid} leaves as ${n}`)
    }
  }

  #wrong(what: string): void {
    this.violations.push(what)
  }
}

const anyStep = [
  ...steps<OwnerWorld>(7, 'send', (world, choice) => world.send(choice)),
  ...steps<OwnerWorld>(3, 'the hub crashes', (world) => world.crash()),
  ...steps<OwnerWorld>(1, 'a tab opens', (world) => world.open()),
  ...steps<OwnerWorld>(1, 'a tab closes', (world, choice) => world.close(choice)),
  ...steps<OwnerWorld>(2, 'cut', (world, choice) => world.cut(choice % 2 === 0)),
  ...steps<OwnerWorld>(4, 'seconds pass', (world, choice) => world.clock.advance(2_000 * (choice + 1))),
]

describe('hubs that follow one another while their tabs send', () => {
  it(
    '[I1] [I2] [I3] [I4] [I6] [I7] [I8] [I32] [OB17] [TB12] [HU10] lose nothing, repeat nothing, and every tab learns the end of its messages',
    { timeout: 60_000_000 },
    () => race(80, anyStep, (schedule) => new OwnerWorld(schedule), 30),
  )
})
