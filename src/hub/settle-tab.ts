import type { Clock, Store } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Id } from '../protocol/messages.ts'
import type { FateDesk } from './fate-desk.ts'
import type { TabSession } from './tab-session.ts'
import { unsettledFates } from './unsettled-fates.ts'

/** Pause before a store that could not answer is asked again. */
const RETRY_MS = 1_000

/** What it takes to tell a tab what it missed. */
export interface SettlingHost {
  readonly clock: Clock
  readonly fates: FateDesk
  ready(): Promise<{ readonly store: Store; readonly runtime: Runtime }>
  /** Whether the tab still wants to know. */
  isHere(): boolean
  fail(error: unknown): void
}

/** Tells the fates of messages a tab still waits for and that ended while nobody could tell it. A store that fails is asked again, as long as the tab is there. */
export async function settleTab(tab: TabSession, ids: readonly Id[], host: SettlingHost): Promise<void> {
  if (ids.length === 0) return
  host.fates.claim(tab, ids)
  for (let isFirst = true; host.isHere(); isFirst = false) {
    const { store, runtime } = await host.ready()
    try {
      const recorded = await store.fatesOf(ids)
      return host.fates.tell(unsettledFates(ids, recorded, runtime))
    } catch (error) {
      if (isFirst) host.fail(error)
      await new Promise<void>((resolve) => void host.clock.setTimer(RETRY_MS, resolve))
    }
  }
}
