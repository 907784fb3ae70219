import type { BridgePort } from '../bridge/bridge-port.ts'
import { BRIDGE_VERSION, type AttachAnswer, type AttachRequest, type HubApi, type Result } from '../bridge/contract.ts'
import { serveTab } from '../bridge/hub-end.ts'
import { isHeld } from '../bridge/liveness.ts'
import type { Log } from '../core/ports.ts'
import type { HubSettings } from '../core/settings.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import type { HubPlatform } from './platform.ts'
import { createOwnership, type Ownership } from './ownership.ts'
import { createSuccession } from './succession.ts'
import { TabSession } from './tab-session.ts'
import { watchTab, type TabWatch } from './tab-watch.ts'

/** How long a page that is being left may still count as a tab with options of its own. */
const LEAVING_MS = 1_000

/** How long a hub without a tab keeps what it owns, at least: a page that is reloaded comes sooner. */
const TABLESS_MS = 2_000

/** Tabs that may be attached at a time. */
const MAX_TABS = 500
/**
 * Ports that no tab has attached by; beyond it the oldest is closed. A page attaches at once, other scripts may open
 * ports without end.
 */
const MAX_IDLE_PORTS = 64

/** A hub that waits for tabs. */
export interface Hub {
  /** A page opened a port to this worker. */
  connect(port: BridgePort): void
}

/**
 * The one owner of socket and storage for the tabs of a scope. Tabs attach at once and are told the truth; the socket
 * and the outbox are touched only when the owner lock is held, which another hub of the same scope may still have for a
 * while.
 */
export function createHub(host: HubPlatform): Hub {
  const instance = host.random.id()
  const tabs = new Set<TabSession>()
  const log: Log = (line) => {
    host.log(line)
    for (const tab of tabs) tab.tellLine(line)
  }
  const platform = { ...host, log }
  /** By which attempt a tab is attached, and how to end that port. */
  const attached = new Map<Id, { readonly attempt: number; readonly end: () => void }>()
  /** How to end the ports that no tab is attached by, the oldest first. */
  const idle = new Set<() => void>()
  const succession = createSuccession(platform, instance, () => retire())
  let settings: HubSettings | null = null
  let ownership: Ownership | null = null
  let retired = false
  let stopLooking = (): void => {}

  const refuseWhenRetired = (): void => {
    if (retired) throw new HoldfastError('closed', 'a newer hub has taken over')
  }

  const adopt = async (request: AttachRequest, hasWaited: boolean = false): Promise<Ownership> => {
    const { settings: wanted, returning } = request
    await ownership?.gone()
    refuseWhenRetired()
    if (ownership !== null && settings !== null) {
      const difference = firstDifference(settings, wanted)
      if (!difference || returning) return ownership
      if (hasLiveTab()) {
        if (hasWaited) throw new HoldfastError('options-disagree', `another tab of this app connected with another ${difference}`)
        await new Promise<void>((resolve) => void platform.clock.setTimer(LEAVING_MS, resolve))
        return adopt(request, true)
      }
      // The worker outlived the page whose options it had: an app that was changed and reloaded is not at odds with
      // itself.
      ownership.end()
    }
    settings = wanted
    return (ownership = begin(wanted))
  }

  const begin = (wanted: HubSettings): Ownership => {
    const mine = createOwnership(platform, wanted, tabs, retire, () => giveBack(mine))
    succession
      .own()
      .then(({ lost }) => {
        if (ownership !== mine) return undefined
        void lost.then(retire)
        return mine.begin()
      })
      .catch((error: unknown) => {
        if (ownership === mine) mine.fail(error)
      })
    lookForTabs()
    return mine
  }

  /**
   * Nobody is there for whom anything is owned. Whoever attaches next has it owned again, with settings of their own.
   */
  const giveBack = (mine: Ownership): void => {
    mine.end()
    if (ownership !== mine) return
    ownership = settings = null
    succession.giveBack()
  }

  /**
   * Without a tab there is no credential, hence no other socket; the service worker, which could send, waits for the
   * owner lock.
   */
  const lookForTabs = (): void => {
    stopLooking()
    stopLooking = platform.clock.setTimer(TABLESS_MS, () => {
      if (tabs.size > 0 || !ownership) return
      if (ownership.isIdle()) giveBack(ownership)
      else lookForTabs()
    })
  }

  /**
   * Another hub is to own socket and outbox, or does so: this one closes both and then lets its tabs go, which find the
   * other.
   */
  const retire = (): void => {
    if (retired) return
    retired = true
    platform.log({ level: 'info', event: 'hub-retired', generation: platform.generation })
    ownership?.end()
    ownership = null
    for (const { end } of attached.values()) end()
    succession.leave()
  }

  const hasLiveTab = (): boolean => [...tabs].some(({ suspended }) => !suspended)

  const connect = (port: BridgePort): void => {
    let session: TabSession | null = null
    let gone = new AbortController()
    let watch: TabWatch | null = null

    const leave = (): void => {
      idle.add(end)
      gone.abort()
      if (!session) return
      const left = session
      session = null
      left.end()
      tabs.delete(left)
      if (attached.get(left.id)?.end === end) attached.delete(left.id)
      ownership?.left(left)
      if (tabs.size === 0) lookForTabs()
    }

    const end = (): void => {
      leave()
      idle.delete(end)
      served.close()
    }

    const attach = async (request: AttachRequest): Promise<AttachAnswer> => {
      const lock = await succession.entered
      const apart = !(await isHeld(platform.locks, request.lock))
      refuseWhenRetired()
      if (apart && !request.apart) return { bridge: BRIDGE_VERSION, instance, lock, apart }
      const adopted = await adopt(request)
      leave()
      const before = attached.get(request.tab)
      if (before && before.attempt > request.attempt) throw new HoldfastError('closed', 'the page has attached by another port since')
      // A page that came back uses a new port; nothing tells that the old one is closed.
      before?.end()
      if (tabs.size >= MAX_TABS) throw new HoldfastError('limit', 'too many tabs')
      idle.delete(end)
      gone = new AbortController()
      const tab = new TabSession(request, served.tab, adopted.source)
      session = tab
      tabs.add(tab)
      attached.set(tab.id, { attempt: request.attempt, end })
      // One that thaws after it was given up calls by its port, and attaches again when it is answered `closed`.
      watch = watchTab(platform, apart ? null : request.lock, gone.signal, { dead: end, unheard: leave })
      adopted.joined(tab, request)
      return { bridge: BRIDGE_VERSION, instance, lock, ...(apart ? { apart } : {}) }
    }

    const call: Call = async (run) => {
      if (!session || session.hasLeft || !ownership) return { ok: false, error: { code: 'closed', message: 'attach first' } }
      const [tab, owner] = [session, ownership]
      watch?.heard()
      return settle(() => run(tab, owner))
    }

    const served = serveTab(port, hubApi(instance, attach, call, leave), { clock: platform.clock })
    idle.add(end)
    const [oldest] = idle
    if (idle.size > MAX_IDLE_PORTS) oldest?.()
  }

  return { connect }
}

/** Runs a call of an attached tab; whatever it throws goes back as data. */
type Call = <T>(run: (tab: TabSession, owner: Ownership) => T | Promise<T>) => Promise<Result<T>>

/** What one tab may call. */
function hubApi(instance: Id, attach: (request: AttachRequest) => Promise<AttachAnswer>, call: Call, leave: () => void): HubApi {
  /** Calls that give nothing answer `null`, which crosses threads alike everywhere. */
  const order = (run: (tab: TabSession, owner: Ownership) => void | Promise<void>): Promise<Result<null>> =>
    call(async (tab, owner) => {
      await run(tab, owner)
      return null
    })
  return {
    attach: (request) => settle(() => attach(request)),
    subscribe: (channels) => order((tab, owner) => owner.subscribe(tab, channels)),
    unsubscribe: (channels) => order((tab, owner) => owner.unsubscribe(tab, channels)),
    send: (messages, since, isAgain) => call((tab, owner) => owner.send(tab, messages, since, isAgain)),
    sendVolatile: (messages) => order((_tab, owner) => owner.sendVolatile(messages)),
    cancel: (id) => order((_tab, owner) => owner.cancel(id)),
    discard: (id) => order((_tab, owner) => owner.discard(id)),
    heard: (notices) => order((_tab, owner) => owner.heard(notices)),
    signal: (signal) => order((tab, owner) => owner.signal(tab, signal)),
    signOut: (park) => call((tab, owner) => owner.signOut(tab, park)),
    ping: () => call(({ handed }) => ({ instance, handed })),
    detach: () =>
      settle(() => {
        leave()
        return null
      }),
  }
}

async function settle<T>(run: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (error) {
    if (error instanceof HoldfastError) return { ok: false, error: error.toData() }
    throw error
  }
}

/** The first setting in which two tabs disagree. */
function firstDifference(ours: HubSettings, theirs: HubSettings): keyof HubSettings | null {
  const names = Object.keys(ours) as (keyof HubSettings)[]
  return names.find((name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name])) ?? null
}
