import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from 'holdfast/testing'
import type { Profile } from '../profile.ts'
import type { Fault } from './fault.ts'
import type { StoredProfile } from './storage.ts'

/** What was sent but not confirmed is there when the site is cleared. */
async function queueMuch(profile: Profile, random: SeededRandom): Promise<void> {
  if (random.integer(0, 1) === 0) {
    await profile.proxy.set({ kind: 'refuse' })
    profile.proxy.cutAll()
  }
  profile.rush()
  await sleep(random.integer(200, 1_000))
}

/** Old tabs go on; new ones come, some before and some after the old ones have noticed. */
async function goOn(profile: Profile, random: SeededRandom): Promise<void> {
  const soon = random.integer(0, 3)
  if (soon === 0) await profile.openTab()
  await sleep(random.integer(0, 2_000))
  await profile.proxy.set({ kind: 'pass' })
  if (soon === 1) await profile.openTab()
  if (soon === 2) await profile.tabs[random.integer(0, profile.tabs.length - 1)]?.page.reload().catch(() => {})
  profile.rush()
  // A hub that lives has found out, and has stored anew what it had, before the next thing goes wrong.
  await sleep(4_000)
}

async function clear(
  { profile, cleared }: StoredProfile,
  random: SeededRandom,
  how: (profile: Profile) => Promise<unknown>,
): Promise<string> {
  await profile.proxy.set({ kind: 'pass' })
  const hubLives = await profile.connected(4_000)
  await queueMuch(profile, random)
  cleared(Date.now(), hubLives)
  await how(profile)
  await goOn(profile, random)
  return `${profile.tabs.length} tabs${hubLives ? '' : ', none connected'}`
}

/** What empties a site while its tabs are open. In Chromium pages that load later see other locks and another storage than what lives already. */
export const SITE_FAULTS: readonly Fault<StoredProfile>[] = [
  {
    kind: 'site cleared by a header',
    run: (stored, random) =>
      clear(stored, random, async ({ tabs: [tab] }) => tab?.page.evaluate(`fetch('/clear').then((response) => response.status)`)),
  },
  {
    kind: 'site cleared by hand',
    run: (stored, random) =>
      clear(stored, random, async ({ tabs: [tab] }) => {
        const session = await tab?.page.createCDPSession()
        const { origin } = new URL(tab?.page.url() ?? '')
        await session?.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' })
        await session?.detach()
      }),
  },
  {
    kind: 'signed out, then the site cleared',
    async run({ profile, cleared }, random) {
      if (random.integer(0, 1) === 1) profile.rush()
      const tab = profile.tabs[random.integer(0, profile.tabs.length - 1)]
      if (!tab) return 'there was no tab'
      // Pages that sign in again meet a storage that goes at some time.
      cleared(Date.now(), false)
      profile.signOut(tab, true)
      await sleep(random.integer(1_000, 8_000))
      cleared(Date.now(), false)
      return tab.name
    },
  },
]
