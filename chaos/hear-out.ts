import { setTimeout as sleep } from 'node:timers/promises'
import { checkTelling } from './check/telling.ts'
import type { RunRecord, Violation } from './record.ts'
import type { Profile } from './profile.ts'

/** How long a tab that listens may take to hear all that is still to be told. */
const DEADLINE_MS = 10_000
const POLL_MS = 300
const MOST_TABS = 3

/** Opens a tab in each browser that listens to everything, and waits until nothing is untold (I38). Gives what is, at the deadline. */
export async function hearOut(profiles: readonly Profile[], record: () => RunRecord): Promise<readonly Violation[]> {
  for (const profile of profiles) {
    const [oldest] = profile.tabs
    if (oldest && profile.tabs.length > MOST_TABS) await profile.closeTab(oldest)
    await profile.openTab(true)
  }
  for (const endMs = Date.now() + DEADLINE_MS; ;) {
    const { violations } = checkTelling(record())
    if (violations.length === 0 || Date.now() >= endMs) return violations
    await sleep(POLL_MS)
  }
}
