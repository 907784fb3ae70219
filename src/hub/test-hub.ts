import { afterEach, beforeEach, expect } from 'vitest'
import type { AttachAnswer, AttachRequest, ChannelDelivery, Delivery, Result, TabPosition } from '../bridge/contract.ts'
import { holdLock, isHeld } from '../bridge/liveness.ts'
import { openHubPort, type HubPort } from '../bridge/tab-end.ts'
import { tabLockName } from '../bridge/lock-names.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import type { Fate, LogEntry, Random, Store, TakenCount } from '../core/ports.ts'
import { createFakeClock, type FakeClock } from '../core/testing/fake-clock.ts'
import { id, settings as defaults, welcome } from '../core/testing/frames.ts'
import { createSocketDoubles, type SocketDouble, type SocketDoubles } from '../core/testing/socket-double.ts'
import type { HubSettings } from '../core/settings.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import { createMemoryStore, emptyMemoryContents, type MemoryContents } from '../storage/memory-store.ts'
import { createHub, type Hub } from './hub.ts'
import type { HubPlatform } from './platform.ts'
import { pageCalls, type TestCalls } from './testing/page-calls.ts'
import { TestHubs } from './testing/test-hubs.ts'

const SCOPE = id('scope')

/** Lets everything that is on its way over a port arrive: ports deliver in macrotasks, which one message per turn outwaits. */
export async function settled(turns: number = 12): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.addEventListener('message', () => {
        port1.close()
        resolve()
      })
      port1.start()
      port2.postMessage(null)
    })
  }
}

/** Everything around hubs: clock, locks, disk, and the server's end of sockets. */
export class TestWorld {
  readonly clock: FakeClock = createFakeClock()
  readonly locks: PrivateLocks = new PrivateLocks()
  readonly sockets: SocketDoubles = createSocketDoubles()
  readonly disk: MemoryContents = emptyMemoryContents()
  readonly log: LogEntry[] = []
  readonly tabs: TestTab[] = []
  /** Changes the durable store of hubs that open it from now on. */
  alter: (store: Store) => Store = (store) => store
  /** Plays the browser that takes the storage away. */
  loseStorage: (why: string) => void = () => {}
  /** What tabs had heard before they handed a message over first, by its id. */
  readonly firstHeard: Map<string, TakenCount> = new Map()
  readonly #others = new TestHubs()
  #ids = 0
  readonly random: Random = { fraction: () => 0, id: () => id(`made${++this.#ids}`) }

  /** Starts a worker; one that is `deaf` hears nothing of others. */
  hub(
    generation: number = 0,
    {
      deaf = false,
      build = '',
      shared = true,
      locks = this.locks,
    }: { readonly deaf?: boolean; readonly build?: string; readonly shared?: boolean; readonly locks?: PrivateLocks } = {},
  ): Hub {
    const { random, sockets } = this
    const clock = this.clock.beginning()
    const platform: HubPlatform = {
      clock,
      random,
      locks,
      log: (entry) => void this.log.push(entry),
      scope: SCOPE,
      generation,
      build,
      url: 'https://app.test/hub.js',
      hubs: this.#others.end(() => !deaf),
      shared,
      openSocket: () => sockets.open,
      durableStore: ({ outbox }) => {
        const store = createMemoryStore({ clock, random, limits: outbox, contents: this.disk })
        return this.alter({ ...store, durable: true, onLost: (listener) => void (this.loseStorage = listener) })
      },
      memoryStore: ({ outbox }) => createMemoryStore({ clock, random, limits: outbox }),
    }
    return createHub(platform)
  }

  /** Opens a page. */
  tab(hub: Hub, name: string = `tab${this.tabs.length + 1}`): TestTab {
    const tab = new TestTab(this, id(name))
    tab.open(hub)
    this.tabs.push(tab)
    return tab
  }

  /** Answers the newest socket's `hello`; gives the server's end of it. */
  async accept(answer: Parameters<typeof welcome>[0] = {}): Promise<SocketDouble> {
    await settled()
    const socket = this.sockets.last()
    socket.listener.opened()
    socket.send(welcome(answer))
    await settled()
    return socket
  }

  /** What the durable store has taken. */
  taken(): TakenCount {
    const { memory = '', taken = 0 } = this.disk.stored?.memory.head ?? {}
    return { memory, taken }
  }

  close(): void {
    for (const tab of this.tabs) tab.close()
  }
}

/** Gives every test a world of its own, and fails one that leaves a rejection unhandled. */
export function perTest(use: (world: TestWorld) => void): void {
  let world: TestWorld
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown): void => void unhandled.push(error)

  beforeEach(() => {
    world = new TestWorld()
    use(world)
    unhandled.length = 0
    process.on('unhandledRejection', onUnhandled)
  })

  afterEach(async () => {
    await settled()
    world.close()
    // (SEC22) Whatever a test did: no line holds the credential, or the resume token of the server in tests.
    expect(JSON.stringify(world.log)).not.toMatch(/"secret"|t{43}/)
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
  })
}

/** Numbers and ids of all messages a server got. */
export function numbersSent(socket: SocketDouble): unknown[] {
  return socket.received.flatMap((frame) =>
    frame.type === 'send' ? (frame['messages'] as { n: number; id: string }[]).map((one) => [one.n, one.id]) : [],
  )
}

/** A hub that is connected, with two tabs. */
export async function twoTabs(world: TestWorld): Promise<{ readonly one: TestTab; readonly two: TestTab; readonly socket: SocketDouble }> {
  const hub = world.hub()
  const [one, two] = [world.tab(hub), world.tab(hub)]
  await one.attach()
  await two.attach()
  return { one, two, socket: await world.accept() }
}

/** The number under which a socket was asked for a channel last. */
export function subOf(socket: SocketDouble, channel: string): number {
  const asked = socket.received.flatMap((frame) => (frame['subscriptions'] ?? []) as { readonly sub: number; readonly channel: string }[])
  return asked.findLast((request) => request.channel === channel)?.sub ?? 0
}

/** Sends and waits until every tab has it. */
export async function say(socket: SocketDouble, ...messages: readonly ServerMessage[]): Promise<void> {
  socket.send(...messages)
  await settled()
}

/** One page, as a hub sees it. */
export class TestTab {
  readonly id: string
  readonly batches: Delivery[] = []
  readonly #world: TestWorld
  #port: HubPort | null = null
  #attempts = 0
  /** Another lock table than that of the world, once the site was cleared. */
  locks: PrivateLocks
  /** While set, batches are not answered: the page is frozen. */
  #frozen: (() => void)[] | null = null
  credential: () => Promise<Result<string | null>> = () => Promise.resolve({ ok: true, value: 'secret' })

  constructor(world: TestWorld, tabId: string) {
    this.#world = world
    this.locks = world.locks
    this.id = tabId
  }

  get hub(): TestCalls {
    if (!this.#port) throw new Error('the page has no port')
    const heard = this.batches.findLast(({ taken }) => taken)?.taken
    return pageCalls(this.#port, this.#world.firstHeard, heard ?? { memory: id('nothing'), taken: 0 })
  }

  /** Opens a port of its own to a worker. */
  open(hub: Hub): void {
    const { port1, port2 } = new MessageChannel()
    const api = {
      deliver: async (batch: Delivery) => {
        this.batches.push(batch)
        if (this.#frozen) await new Promise<void>((thaw) => this.#frozen?.push(thaw))
        return null
      },
      credential: () => this.credential(),
    }
    this.#port = openHubPort(port2, api, this.#world.clock)
    hub.connect(port1)
  }

  /** Attaches by the port that is open. */
  async attach(changes: Partial<AttachRequest> = {}, settings: Partial<HubSettings> = {}): Promise<Result<AttachAnswer>> {
    const lock = tabLockName(SCOPE, this.id)
    if (!(await isHeld(this.locks, lock))) await holdLock(this.locks, lock)
    const answer = await this.hub.attach({
      bridge: 1,
      tab: this.id,
      attempt: ++this.#attempts,
      lock,
      settings: { ...defaults(), ...settings },
      visible: true,
      canAuthenticate: true,
      channels: [],
      watchesOutbox: false,
      unsettled: [],
      ...changes,
    })
    await settled()
    return answer
  }

  /** The page comes back: closes its port, opens another and says where it is. */
  async attachAgain(hub: Hub, changes: Partial<AttachRequest> = {}): Promise<Result<AttachAnswer>> {
    this.close()
    this.open(hub)
    return this.attach(changes)
  }

  freeze(): void {
    this.#frozen = []
  }

  async thaw(): Promise<void> {
    const waiting = this.#frozen ?? []
    this.#frozen = null
    for (const go of waiting) go()
    await settled()
  }

  /** The renderer dies: its lock is free, its port says nothing. */
  async die(): Promise<void> {
    this.locks.take(tabLockName(SCOPE, this.id))
    await settled()
  }

  close(): void {
    this.#port?.close({ code: 'closed', message: 'the page is gone' })
  }

  /** Everything delivered of a channel since the last call, its messages as offsets. */
  heard(channel: string): unknown[] {
    const deliveries = this.batches.flatMap((batch) => (batch.channels ?? []).filter((delivery) => delivery.channel === channel))
    return deliveries.splice(this.#heard.get(channel) ?? 0, Infinity).map((delivery) => {
      this.#heard.set(channel, (this.#heard.get(channel) ?? 0) + 1)
      return readable(delivery)
    })
  }
  readonly #heard = new Map<string, number>()

  get status(): string | undefined {
    return this.batches.findLast(({ state }) => state)?.state?.status
  }

  get pending(): number | null | undefined {
    return this.batches.findLast(({ state }) => state)?.state?.pending
  }

  get durable(): boolean | null | undefined {
    return this.batches.findLast(({ state }) => state)?.state?.durable
  }

  get fates(): readonly (Fate | { readonly id: string; readonly fate: 'sent' })[] {
    return this.batches.flatMap(({ fates = [] }) => fates)
  }

  get errors(): readonly string[] {
    return this.batches.flatMap(({ errors = [] }) => errors.map(({ code }) => code))
  }
}

function readable({ channel: _channel, position, messages, snapshot, ...rest }: ChannelDelivery): unknown {
  return {
    ...(position ? { at: position.offset } : {}),
    ...(snapshot ? { value: snapshot.json, stale: snapshot.stale } : {}),
    ...(messages === undefined ? {} : { offsets: (JSON.parse(messages) as { offset: number }[]).map(({ offset }) => offset) }),
    ...rest,
  }
}

/** A channel wanted from the beginning. */
export const newcomer = (channel: string): TabPosition => ({ channel, position: null })
