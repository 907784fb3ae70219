import type { SignedOut } from '../bridge/contract.ts'
import { countPending } from '../core/derive-public-state.ts'
import type { Clock, Store } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import type { HubSettings } from '../core/settings.ts'
import type { CoreState, Phase } from '../core/state.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { HubPlatform } from './platform.ts'
import type { TabSession } from './tab-session.ts'

/** How long the store may take to open. Until then nobody has signed out. */
const READY_MS = 10_000
/** How long what waits has to be sent. */
const SENDING_MS = 5_000
/** How long the server has to end the session. */
const TELLING_MS = 2_000
/** How long the store has to forget. */
const FORGETTING_MS = 30_000

/** What a sign-out needs of the hub. */
export interface SignOutHost {
  readonly platform: Pick<HubPlatform, 'clock' | 'random' | 'durableStore'>
  readonly settings: HubSettings
  readonly tabs: ReadonlySet<TabSession>
  /** Resolves when the store is open. */
  readonly ready: () => Promise<unknown>
  /** Machine and store of now; `null` while the store is not open. */
  readonly now: () => { readonly runtime: Runtime; readonly store: Store } | null
  /** The user has left. */
  readonly left: () => void
}

/** The sign-out of one user, under way or not. */
export interface SignOut {
  /** Whether somebody has asked to leave. */
  isAsked(): boolean
  /** Whether nothing new is queued any more. */
  isUnderWay(): boolean
  /** The machine's state may be another. */
  look(): void
  /**
   * The user leaves: sends what it can, has the server end the session, tells the tabs, and has the store forget.
   * Offline all but the second is done. Tabs that ask while it is under way get the same answer. Throws `hub-timeout`
   * when the store does not open: then nothing has happened. Whatever else is thrown, the user has left, and the store
   * may not have forgotten.
   */
  readonly signOut: (tab: TabSession, park: boolean) => Promise<SignedOut>
  /**
   * Resolves when nobody is leaving whose tabs have all been told: a tab that comes then is of the next stay, and is to
   * be told nothing of this one.
   */
  readonly gone: () => Promise<void>
}

/** Makes what signs the user of a hub out. */
export function createSignOut({ platform, settings, tabs, ready, now, left }: SignOutHost): SignOut {
  const { clock, random } = platform
  const watchers = new Set<() => void>()
  /** The tabs that asked: they hear of it by the answer. */
  const asked = new Set<TabSession>()
  let answer: Promise<SignedOut> | null = null
  /** `leaving`: nothing new is queued any more. `told`: the tabs that were there have heard it. */
  let stage: 'here' | 'leaving' | 'told' = 'here'

  const leave = async (park: boolean): Promise<SignedOut> => {
    await within(clock, READY_MS, ready(), new HoldfastError('hub-timeout', 'The storage did not open: nobody was signed out.'))
    stage = 'leaving'
    const serverTold = await leaveServer()
    now()?.runtime.dispatch({ type: 'stop' })
    for (const tab of tabs) tab.signedOut(asked.has(tab))
    stage = 'told'
    const late = new HoldfastError('storage-failed', 'The storage did not forget in time.')
    const store = now()?.store
    if (!store) throw late
    return { discarded: await within(clock, FORGETTING_MS, forget(store, park), late), serverTold }
  }

  /** Gives how many messages were deleted. */
  const forget = async (store: Store, park: boolean): Promise<number> => {
    if (store.durable) return store.signOut(random.id(), park)
    // What is in memory only cannot be kept, and what was stored before this hub could not be read.
    const discarded = await store.signOut(random.id(), false)
    const stored = platform.durableStore(settings)
    try {
      await stored.open()
      return discarded + (await stored.signOut(random.id(), park))
    } catch (cause) {
      throw new HoldfastError('storage-failed', 'What was stored before could not be deleted.', { cause })
    } finally {
      stored.close()
    }
  }

  /** Gives whether the server ended the session; `null` when it was asked to and nobody knows. */
  const leaveServer = async (): Promise<boolean | null> => {
    const phase = (): Phase['name'] | undefined => now()?.runtime.state.phase.name
    now()?.runtime.dispatch({ type: 'wake' })
    await until(SENDING_MS, isSpent)
    if (phase() !== 'live') return false
    now()?.runtime.dispatch({ type: 'sign-out' })
    await until(TELLING_MS, (state) => state.phase.name !== 'live')
    return phase() === 'resting' ? true : null
  }

  /** Resolves when it is so, or when it has not become so in time. */
  const until = (limitMs: number, isSo: (state: CoreState) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        const state = now()?.runtime.state
        if (state && isSo(state)) done()
      }
      const done = (): void => {
        stopTimer()
        watchers.delete(look)
        resolve()
      }
      const stopTimer = clock.setTimer(limitMs, () => done())
      watchers.add(look)
      look()
    })

  return {
    isAsked: () => answer !== null,
    isUnderWay: () => stage !== 'here',
    look() {
      for (const look of watchers) look()
    },
    signOut(tab, park) {
      asked.add(tab)
      answer ??= leave(park).finally(() => {
        if (stage !== 'here') return left()
        answer = null
        asked.clear()
      })
      return answer
    },
    async gone() {
      if (stage === 'told') await answer?.catch(() => {})
    },
  }
}

/** Whether waiting longer would send nothing more. */
function isSpent(state: CoreState): boolean {
  const { phase } = state
  if (phase.name === 'live') return phase.link.identified && countPending(state) === 0
  return (phase.name === 'refused' && !phase.asking) || (phase.name === 'waiting' && phase.reason === 'offline')
}

function within<T>(clock: Clock, limitMs: number, work: Promise<T>, late: HoldfastError): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopTimer = clock.setTimer(limitMs, () => reject(late))
    work.then(resolve, reject).finally(stopTimer)
  })
}
