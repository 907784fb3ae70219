import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from 'holdfast/testing'
import type { Profile } from '../profile.ts'
import type { Fault } from './fault.ts'
import { inHubWorkers } from './hub-worker.ts'

const DAY_MS = 86_400_000

/** How far a clock may be off: seconds, hours, or weeks. */
export function someClockMs(random: SeededRandom): number {
  const most = [5_000, 3_600_000, 30 * DAY_MS][random.integer(0, 2)] ?? 0
  return random.integer(-most, most)
}

/** As a page sees it, a device's clock may also be weeks behind, or that of its first start. */
export function somePageClockMs(random: SeededRandom): number {
  return [-Date.now() - DAY_MS, random.integer(-50, -15) * DAY_MS, someClockMs(random)][random.integer(0, 2)] ?? 0
}

/** Sets the wall clock of the workers that host the hub. Gives how many there were. */
export function setHubClock(profile: Profile, offMs: number): Promise<number> {
  return inHubWorkers(profile, `self.trueNow ??= Date.now; Date.now = () => self.trueNow() + ${offMs}`)
}

/** What clocks do in a browser: its pages' and its workers' need not agree. */
export const CLOCK_FAULTS: readonly Fault<Profile>[] = [
  {
    kind: 'clock of a page set',
    async run(profile, random) {
      const tab = profile.tabs[random.integer(0, profile.tabs.length - 1)]
      if (!tab) return 'there was no tab'
      const offMs = somePageClockMs(random)
      profile.setClock(tab, offMs)
      return `${tab.name}: ${offMs} ms off`
    },
  },
  {
    kind: 'clock of the hub set',
    async run(profile, random) {
      const offMs = random.integer(-5 * DAY_MS, 5 * DAY_MS)
      const hubs = await setHubClock(profile, offMs)
      profile.rush()
      await sleep(random.integer(500, 4_000))
      // Only this worker's clock can be set. A later one would find that days had passed, which is to it as if they had.
      await setHubClock(profile, 0)
      return `${hubs} workers: ${offMs} ms off`
    },
  },
]
