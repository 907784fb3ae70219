import type { Clock } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { TabSession } from './tab-session.ts'

/**
 * How long a tab that says nothing is waited for before the next one is asked as well: one in an `alert` or a debugger
 * answers when somebody looks after it.
 */
const PATIENCE_MS = 1_000

/**
 * Asks the tabs for a credential, the visible ones first. The next one is asked when the one before failed, or has said
 * nothing for a second; whoever answers first is heard, those asked earlier included, and a tab that comes meanwhile is
 * asked, too.
 * @param tabs those that are there; read again for each question
 * @returns the first credential given; `null` when tabs are there and none of them has a `token` option.
 * Throws `unauthenticated` when no tab is there or none that was asked could give one.
 */
export async function askCredential(tabs: Iterable<TabSession>, clock: Clock): Promise<string | null> {
  const live = (): readonly TabSession[] => [...tabs].filter(({ suspended }) => !suspended)
  if (live().length > 0 && !live().some(({ canAuthenticate }) => canAuthenticate)) return null
  const asked = new Set<TabSession>()
  const next = (): TabSession | undefined =>
    live()
      .filter((tab) => tab.canAuthenticate && !asked.has(tab))
      .toSorted((a, b) => Number(b.visible) - Number(a.visible))[0]

  return new Promise((resolve, reject) => {
    let underWay = 0
    let isOver = false
    let stopWaiting = (): void => {}
    const end = (): void => {
      isOver = true
      stopWaiting()
    }
    const ask = (): void => {
      stopWaiting()
      const tab = next()
      if (tab) void hear(tab)
      else if (underWay === 0) {
        end()
        return reject(new HoldfastError('unauthenticated', 'no tab could give a credential'))
      }
      stopWaiting = clock.setTimer(PATIENCE_MS, ask)
    }
    const hear = async (tab: TabSession): Promise<void> => {
      asked.add(tab)
      underWay++
      const given = await tab.credential()
      underWay--
      if (isOver) return
      if (!given.ok) return ask()
      end()
      resolve(given.value)
    }
    ask()
  })
}
