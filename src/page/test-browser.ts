import type { AttachRequest, HubApi, Result, SendAnswer } from '../bridge/contract.ts'
import { listenForPorts } from '../bridge/broadcast-port.ts'
import { serveTab } from '../bridge/hub-end.ts'
import { holdLock, isHeld } from '../bridge/liveness.ts'
import { hubLockName, parseHubName } from '../bridge/lock-names.ts'
import type { ElectedWorker } from './platform.ts'
import { TestPage } from './test-page.ts'

const ok: Result<null> = { ok: true, value: null }

/** A hub in a worker of a tab, as far as tabs can tell. */
export interface TestWorker {
  readonly page: TestPage
  readonly name: string
  readonly url: string
  readonly attached: AttachRequest[]
  readonly taken: string[]
  /** Hands a batch to each of its ports, in the order in which they were opened; it may get lost on its way. */
  readonly hand: ((arrives: boolean) => void)[]
  isAlive: boolean
  /** Its thread hangs, or its page is frozen: it answers nothing and keeps what it holds. */
  isFrozen: boolean
  /** It still hears who comes, and will have ended before it answers. */
  isEnding: boolean
}

/** Several tabs of one browser that has no SharedWorker: they share locks, broadcast channels and time. */
export class TestBrowser {
  readonly workers: TestWorker[] = []
  /** Once the site was cleared: the locks of what starts from then on. */
  cleared: TestPage['locks'] | null = null
  readonly #first = new TestPage()
  #pages = 0

  get clock(): TestPage['clock'] {
    return this.#first.clock
  }

  get locks(): TestPage['locks'] {
    return this.#first.locks
  }

  page(): TestPage {
    const page = new TestPage()
    const prefix = String.fromCharCode(97 + this.#pages++)
    let ids = 0
    return Object.assign(page, {
      hasSharedWorker: false,
      clock: this.#first.clock,
      locks: this.cleared ?? this.locks,
      newestLocks: () => this.cleared ?? this.locks,
      openBroadcast: this.#first.openBroadcast,
      newId: () => `${prefix}${String(++ids).padStart(21, '0')}`,
      startWorker: (name: string, url: string | URL = 'own.js') => this.#start(page, name, String(url)),
    })
  }

  get alive(): TestWorker[] {
    return this.workers.filter(({ isAlive }) => isAlive)
  }

  #start(page: TestPage, name: string, url: string): ElectedWorker {
    const worker: TestWorker = { page, name, url, attached: [], taken: [], hand: [], isAlive: true, isFrozen: false, isEnding: false }
    this.workers.push(worker)
    if (page.broken(name)) {
      worker.isAlive = false
      return { addEventListener: (_type: string, listener: () => void) => queueMicrotask(listener), terminate() {} } as ElectedWorker
    }
    const instance = page.newId()
    const { scope, generation, build } = parseHubName(name) ?? { scope: '', generation: 0, build: '' }
    const lock = hubLockName(scope, { epoch: this.workers.length, instance, generation, rung: 'elected', build, url })
    const locks = page.newestLocks()
    const held = holdLock(locks, lock)
    const answers: Partial<HubApi> = {
      attach: async (request) => {
        if (!(await isHeld(locks, request.lock))) return { ok: true, value: { bridge: 1, instance, lock, apart: true } }
        worker.attached.push(request)
        return { ok: true, value: { bridge: 1, instance, lock } }
      },
      send: async (messages) => {
        worker.taken.push(...messages.map((message) => ('json' in message ? message.json : '')))
        return { ok: true, value: messages.map((): SendAnswer => ({ queued: true })) }
      },
    }
    const apiOf = (handed: () => number): HubApi =>
      new Proxy({} as HubApi, {
        get: (_target, method: keyof HubApi) => {
          if (!worker.isAlive || worker.isFrozen || worker.isEnding) return () => new Promise(() => {})
          if (method === 'ping') return async () => ({ ok: true, value: { instance, handed: handed() } })
          return answers[method] ?? (() => Promise.resolve(ok))
        },
      })
    listenForPorts(page.openBroadcast, name, instance, (port) => {
      // A thread that hangs does not even open its end.
      if (!worker.isAlive || worker.isFrozen) return
      let handed = 0
      const { tab } = serveTab(
        port,
        apiOf(() => handed),
        { clock: this.clock },
      )
      const hand = (arrives: boolean): void => {
        handed++
        if (arrives) void tab.deliver({ taken: { memory: 'M'.repeat(22), taken: 0 } })
      }
      worker.hand.push(hand)
      // In another turn: only who has attached hands anything over.
      queueMicrotask(() => {
        if (!worker.isEnding) hand(true)
      })
    })
    return {
      addEventListener: () => {},
      terminate: () => {
        worker.isAlive = false
        void held.then((alive) => alive.release())
      },
    }
  }
}
