import { rename, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Profile } from '../profile.ts'
import type { Fault } from './fault.ts'

/** A profile, and what can become of its files. */
export interface StoredProfile {
  readonly profile: Profile
  /** The storage of this user went back to how it was at `asOfMs`; what was stored from then until `untilMs` is gone. */
  readonly rolledBack: (asOfMs: number, untilMs: number) => void
  /** From now on several browsers hold what was queued until `atMs`. */
  readonly copied: (atMs: number) => void
  /** The storage was taken away at some time from `atMs` on; whether under a hub that lives, and goes on living for a while. */
  readonly cleared: (atMs: number, hubLives: boolean) => void
  /** Runs a second browser of the same user on a copy, until its outbox is empty. */
  readonly runCopy: (folder: string, ms: number) => Promise<void>
}

async function withOrigin(
  { tabs }: Profile,
  run: (origin: string, send: (method: 'override' | 'release' | 'clear') => Promise<void>) => Promise<void>,
): Promise<void> {
  const [tab] = tabs
  if (!tab) return
  const session = await tab.page.createCDPSession()
  const { origin } = new URL(tab.page.url())
  await run(origin, async (method) => {
    if (method === 'clear') await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
    else await session.send('Storage.overrideQuotaForOrigin', { origin, ...(method === 'override' ? { quotaSize: 1 } : {}) })
  })
  await session.detach()
}

async function restart(profile: Profile, meanwhile: () => Promise<void>): Promise<void> {
  await profile.kill()
  await meanwhile()
  await profile.start()
  await profile.openTab()
}

/** What happens to what a browser has stored. */
export const STORAGE_FAULTS: readonly Fault<StoredProfile>[] = [
  {
    kind: 'quota exceeded',
    weight: 2,
    async run({ profile }, random) {
      const ms = random.integer(500, 4_000)
      await withOrigin(profile, async (_origin, send) => {
        await send('override')
        await sleep(ms)
        await send('release')
      })
      return `${ms} ms`
    },
  },
  {
    kind: 'storage cleared',
    async run({ profile, cleared }) {
      cleared(Date.now(), false)
      await withOrigin(profile, (_origin, send) => send('clear'))
      return 'indexeddb'
    },
  },
  {
    kind: 'profile went back to a copy',
    async run({ profile, rolledBack }, random) {
      const copy = `${profile.folder}-earlier`
      let asOfMs = 0
      await restart(profile, async () => {
        await profile.copyTo(copy)
        asOfMs = Date.now()
      })
      const ms = random.integer(1_000, 5_000)
      await sleep(ms)
      await restart(profile, async () => {
        rolledBack(asOfMs, Date.now())
        await rm(profile.folder, { recursive: true, force: true })
        await rename(copy, profile.folder)
      })
      return `${ms} ms back`
    },
  },
  {
    kind: 'profile cloned, both run',
    async run({ profile, copied, runCopy }, random) {
      const copy = `${profile.folder}-clone`
      await restart(profile, async () => {
        await profile.copyTo(copy)
        copied(Date.now())
      })
      const ms = random.integer(2_000, 6_000)
      await runCopy(copy, ms)
      return `${ms} ms`
    },
  },
  {
    kind: 'profile copied while it runs, both run',
    async run({ profile, copied, runCopy }, random) {
      const copy = `${profile.folder}-clone`
      await profile.copyTo(copy)
      copied(Date.now())
      const ms = random.integer(2_000, 6_000)
      await runCopy(copy, ms)
      return `${ms} ms`
    },
  },
]
