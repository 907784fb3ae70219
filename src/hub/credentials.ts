import { HoldfastError } from '../protocol/errors.ts'
import type { TabSession } from './tab-session.ts'

/**
 * Asks the tabs for a credential, the visible ones first, one after the other.
 * @returns the first credential given; `null` when tabs are there and none of them has a `token` option.
 * Throws `unauthenticated` when no tab is there or none that was asked could give one.
 */
export async function askCredential(tabs: readonly TabSession[]): Promise<string | null> {
  const live = tabs.filter(({ suspended }) => !suspended)
  const able = live.filter(({ canAuthenticate }) => canAuthenticate).toSorted((a, b) => Number(b.visible) - Number(a.visible))
  if (live.length > 0 && able.length === 0) return null
  for (const tab of able) {
    const given = await tab.credential()
    if (given.ok) return given.value
  }
  throw new HoldfastError('unauthenticated', 'no tab could give a credential')
}
