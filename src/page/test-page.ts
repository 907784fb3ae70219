import type { AttachRequest, Delivery, HandedMessage, HubApi, Result, SendAnswer } from '../bridge/contract.ts'
import type { OpenBroadcast } from '../bridge/broadcast-port.ts'
import { serveTab, type RemoteTab } from '../bridge/hub-end.ts'
import { holdLock, isHeld } from '../bridge/liveness.ts'
import type { LocalHubs } from '../bridge/local-hubs.ts'
import { hubLockName, parseHubName } from '../bridge/lock-names.ts'
import { createTestBroadcasts } from '../bridge/test-broadcasts.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import type { Clock, TakenCount } from '../core/ports.ts'
import type { ElectedWorker, HubWorker, PageEvent, Platform } from './platform.ts'

const ok: Result<null> = { ok: true, value: null }

/** A clock that stands still until a test moves it. */
export class TestClock implements Clock {
  #nowMs = 0
  readonly #timers = new Map<() => void, number>()

  nowMs(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const timer = (): void => run()
    this.#timers.set(timer, this.#nowMs + delayMs)
    return () => this.#timers.delete(timer)
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Lets time pass; `lateMs` more before the timers that are due run, as after a freeze. */
  pass(delayMs: number, lateMs: number = 0): void {
    const untilMs = this.#nowMs + delayMs
    this.#nowMs = untilMs + lateMs
    for (const [timer, atMs] of this.#timers) {
      if (atMs <= untilMs && this.#timers.delete(timer)) timer()
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', () => {
      port1.close()
      resolve()
    })
    port1.start()
    port2.postMessage(null)
  })
}

/** Waits for `check` to hold, through as many turns of the event loop as messages between ports may need. */
export async function until(check: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (check()) return
    await nextTurn()
  }
  throw new Error(`never came true: ${check.toString()}`)
}

/** Lets everything that is on its way arrive. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn()
}

/** A hub that keeps what it is told. Tests put functions of their own in `answers`. */
export class TestHub {
  readonly calls: (readonly [name: keyof HubApi, ...args: unknown[]])[] = []
  readonly taken: (HandedMessage & { readonly json?: string })[] = []
  /** What its store has taken, as it tells tabs that attach; `null` while that is not open. */
  mark: TakenCount | null = { memory: 'M'.repeat(22), taken: 0 }
  answers: Partial<HubApi> = {}
  instance: string
  isDead = false
  tab: RemoteTab | null = null
  readonly lock: string
  readonly #locks: PrivateLocks
  readonly #close: () => void

  constructor(port: MessagePort, name: string, url: string, instance: string, locks: PrivateLocks, clock: Clock) {
    const { scope, generation, build } = parseHubName(name) ?? { scope: '', generation: 0, build: '' }
    this.instance = instance
    this.#locks = locks
    this.lock = hubLockName(scope, { epoch: generation, instance, generation, rung: 'shared', build, url })
    void holdLock(locks, this.lock).catch(() => (this.isDead = true))
    const api = new Proxy({} as HubApi, {
      get:
        (_target, method: keyof HubApi) =>
        (...args: unknown[]): Promise<unknown> => {
          if (this.isDead) return new Promise(() => {})
          this.calls.push([method, ...args])
          const answer = (this.answers[method] ?? this.#defaults[method] ?? (() => Promise.resolve(ok))) as (
            ...args: unknown[]
          ) => Promise<unknown>
          const given = answer(...args)
          if (method === 'attach') void given.then((result) => (result as Result<unknown>).ok && this.#tellMark())
          return given
        },
    })
    const served = serveTab(port, api, { clock })
    this.tab = served.tab
    this.#close = () => served.close()
  }

  readonly #defaults: Partial<HubApi> = {
    attach: async ({ lock }) => {
      const apart = !(await isHeld(this.#locks, lock))
      return { ok: true, value: { bridge: 1, instance: this.instance, lock: this.lock, ...(apart ? { apart } : {}) } }
    },
    ping: () => Promise.resolve({ ok: true, value: { instance: this.instance } }),
    send: (messages) => {
      this.taken.push(...messages)
      return Promise.resolve({ ok: true, value: messages.map((): SendAnswer => ({ queued: true })) })
    },
  }

  /** What was said in calls of one name. */
  said(name: keyof HubApi): unknown[] {
    return this.calls.filter(([method]) => method === name).map(([, argument]) => argument)
  }

  get attached(): AttachRequest {
    return this.said('attach').at(-1) as AttachRequest
  }

  #tellMark(): void {
    if (this.mark) void this.deliver({ taken: this.mark })
  }

  deliver(batch: Delivery): Promise<Result<null>> | undefined {
    return this.tab?.deliver(batch)
  }

  /** Releases the port, so that a test can end. */
  close(): void {
    this.#close()
  }
}

/** A page without a browser. */
export class TestPage implements Platform {
  readonly baseUrl = 'https://app.test/list/?q=1'
  isSecure = true
  missing: readonly string[] = []
  readonly origin = 'https://app.test'
  packagedHub: string | null = 'https://app.test/assets/hub.js'
  hasSharedWorker = true
  clock: TestClock = new TestClock()
  locks: PrivateLocks = new PrivateLocks()
  /** The lock table of pages that load now; another one than {@link TestPage.locks} once the site was cleared. */
  newestLocks: () => PrivateLocks = () => this.locks
  /** That of the worker of that name. */
  locksOf: (name: string) => PrivateLocks = () => this.newestLocks()
  readonly hubs: TestHub[] = []
  readonly names: string[] = []
  readonly urls: string[] = []
  readonly reported: unknown[] = []
  readonly warned: string[] = []
  readonly watches: AbortSignal[] = []
  /** Set up every hub before it hears anything. */
  prepare: (hub: TestHub, name: string) => void = () => {}
  /** Names whose script does not load. */
  broken: (name: string) => boolean = () => false
  visible = true
  storage: Platform['storage'] = undefined
  tell: (event: PageEvent) => void = () => {}
  #ids = 0

  newId = (): string => `id${String(++this.#ids).padStart(20, '0')}`
  hash = (): Promise<string> => Promise.resolve('S'.repeat(22))
  renewLocks = async (held: string): Promise<boolean> => {
    if (await isHeld(this.newestLocks(), held)) return false
    this.locks = this.newestLocks()
    return true
  }
  online = true
  isVisible = (): boolean => this.visible
  isOnline = (): boolean => this.online
  warn = (line: string): void => void this.warned.push(line)
  report = (error: unknown): void => void this.reported.push(error)

  startHub = (name: string, url: string | URL = 'own.js'): HubWorker => {
    this.names.push(name)
    this.urls.push(String(url))
    const { port1, port2 } = new MessageChannel()
    const hub = new TestHub(port1, name, String(url), `hub${this.newId().slice(3)}`, this.locksOf(name), this.clock)
    this.prepare(hub, name)
    this.hubs.push(hub)
    const addEventListener = (_type: string, listener: () => void): void => {
      if (this.broken(name)) queueMicrotask(listener)
    }
    return { port: port2, addEventListener } as unknown as HubWorker
  }

  loadLocalHubs = (): Promise<LocalHubs> => Promise.reject(new Error('no hub in the page in this test'))

  startWorker = (_name: string): ElectedWorker => {
    throw new Error('no worker of a tab in this test')
  }
  openBroadcast: OpenBroadcast = createTestBroadcasts()

  watchPage = (listener: (event: PageEvent) => void, signal: AbortSignal): void => {
    this.tell = (event) => {
      if (!signal.aborted) listener(event)
    }
    this.watches.push(signal)
  }

  /** The hub started last. */
  get hub(): TestHub {
    const hub = this.hubs.at(-1)
    if (hub === undefined) throw new Error('no hub was started')
    return hub
  }

  /** Kills the hub started last, as a browser does: its lock is freed, its port stays silent. */
  kill(): void {
    this.hub.isDead = true
    this.locks.take(this.hub.lock)
  }

  end(): void {
    for (const hub of this.hubs) hub.close()
  }
}
