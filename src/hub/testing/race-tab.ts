import type { AttachRequest, Delivery, HandedMessage } from '../../bridge/contract.ts'
import { holdLock, whenFree } from '../../bridge/liveness.ts'
import { tabLockName } from '../../bridge/lock-names.ts'
import { openHubPort, type HubPort } from '../../bridge/tab-end.ts'
import type { PrivateLocks } from '../../bridge/private-locks.ts'
import type { Fate, SteadyClock, TakenCount } from '../../core/ports.ts'
import { settings } from '../../core/testing/frames.ts'
import type { HubSettings } from '../../core/settings.ts'
import type { Id } from '../../protocol/messages.ts'
import { beginLife, clockOf, locksOf, scheduledPorts, type WorkerLife } from './scheduled-worker.ts'

/** What a tab knows of a message it sent. */
export interface TabMessage {
  readonly id: Id
  state: 'sending' | 'queued' | 'failed'
  readonly fates: Fate['fate'][]
}

/** What tabs need of the world around them. */
export interface TabSurroundings {
  readonly locks: PrivateLocks
  readonly clock: SteadyClock
  readonly scope: string
  readonly schedule: (label: string) => Promise<void>
  /** The newest hub that may be attached to. */
  hub(): { readonly life: WorkerLife; connect(port: MessagePort): void }
  /** The hub of that generation hangs: another takes its place. */
  replace(hub: { readonly life: WorkerLife }): void
}

/** The page's side of TB9, TB11 and TB12 in its simplest form: one group at a time, handed over again under the same ids until it was answered. */
export class RaceTab {
  readonly id: Id
  readonly life: WorkerLife = beginLife()
  readonly messages: Map<Id, TabMessage> = new Map()
  readonly #world: TabSurroundings
  #attempts = 0
  readonly #settings: HubSettings = settings()
  #waiting: HandedMessage[] = []
  #handed: HandedMessage[] = []
  #heard: TakenCount | null = null
  #since: TakenCount = { memory: '', taken: 0 }
  #isAgain = false
  #port: HubPort | null = null
  #isFlushing = false

  constructor(world: TabSurroundings, id: Id) {
    this.#world = world
    this.id = id
    void this.#stayAttached()
  }

  send(messages: readonly HandedMessage[]): void {
    for (const message of messages) {
      this.messages.set(message.id, { id: message.id, state: 'sending', fates: [] })
      this.#waiting.push(message)
    }
    void this.#flush()
  }

  /** Those that were queued and have not ended, as far as this tab knows. */
  get unsettled(): Id[] {
    return [...this.messages.values()].filter(({ state, fates }) => state === 'queued' && fates.length === 0).map(({ id }) => id)
  }

  get isIdle(): boolean {
    return this.#waiting.length + this.#handed.length === 0
  }

  async #stayAttached(): Promise<void> {
    const { locks, scope } = this.#world
    const lock = tabLockName(scope, this.id)
    await holdLock(locksOf(locks, this.life, this.#world.schedule), lock)
    while (this.life.isAlive) await this.#attach(lock)
  }

  /** Attaches to the newest hub and stays until it is gone. */
  async #attach(lock: string): Promise<void> {
    const { locks, schedule, clock } = this.#world
    const hub = this.#world.hub()
    const [mine, its] = scheduledPorts(schedule, [this.life, hub.life])
    const port = openHubPort(
      mine,
      {
        deliver: async (batch) => this.#take(batch),
        credential: () => Promise.resolve({ ok: true, value: null }),
      },
      clockOf(clock, this.life),
    )
    hub.connect(its)
    const request: AttachRequest = {
      bridge: 1,
      tab: this.id,
      attempt: ++this.#attempts,
      lock,
      settings: this.#settings,
      visible: true,
      canAuthenticate: true,
      channels: [],
      watchesOutbox: false,
      unsettled: this.unsettled,
    }
    const over = new AbortController()
    const answer = await port.call(5_000, 'attach', request)
    if (answer.ok) {
      this.#port = port
      void this.#flush()
      await new Promise<void>((resolve) => {
        this.#leave = resolve
        void whenFree(locksOf(locks, this.life, this.#world.schedule), answer.value.lock, over.signal).then(resolve)
      })
    } else if (this.life.isAlive) this.#world.replace(hub)
    over.abort()
    this.#port = null
    port.close({ code: 'closed', message: 'another hub' })
    await schedule('attach again')
  }

  #leave: () => void = () => {}

  async #flush(): Promise<void> {
    if (this.#isFlushing) return
    this.#isFlushing = true
    while (this.#port && this.life.isAlive && this.#heard) {
      if (this.#handed.length === 0) {
        this.#handed = this.#waiting.splice(0)
        this.#since = this.#heard
        this.#isAgain = false
      }
      if (this.#handed.length === 0) break
      const port = this.#port
      const answer = await port.call(10_000, 'send', this.#handed, this.#since, this.#isAgain)
      const [first] = answer.ok ? answer.value : []
      if (first && 'taken' in first) {
        this.#since = this.#heard = first.taken
        continue
      }
      if (!answer.ok && (answer.error.code === 'hub-timeout' || answer.error.code === 'closed')) {
        this.#isAgain = true
        // Whether it hangs or has ended: another hub, or the same one again.
        if (this.#port === port) {
          this.#port = null
          if (answer.error.code === 'hub-timeout') this.#world.replace(this.#world.hub())
          this.#leave()
        }
        continue
      }
      const group = this.#handed
      this.#handed = []
      group.forEach(({ id }, at) => {
        const one = this.messages.get(id)
        if (!one) return
        const its = answer.ok ? answer.value[at] : undefined
        // Nobody cancels here: a hub whose store was silent refused it (OB21), and the tab had turned to the next one before it could be told so.
        const isRefused = its && 'ended' in its && its.ended.fate === 'cancelled'
        one.state = its && !('error' in its) && !isRefused ? 'queued' : 'failed'
        if (its && 'ended' in its && !isRefused) one.fates.push(its.ended.fate)
      })
    }
    this.#isFlushing = false
  }

  #take({ fates = [], taken }: Delivery): null {
    if (taken) {
      this.#heard = taken
      void this.#flush()
    }
    for (const news of fates) {
      const one = this.messages.get(news.id)
      if (!one || news.fate === 'sent') continue
      // A fate proves that the message was queued.
      one.state = 'queued'
      one.fates.push(news.fate)
    }
    return null
  }
}
