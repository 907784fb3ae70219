import { hubsChannelName } from '../bridge/lock-names.ts'
import type { Platform } from './platform.ts'

/** A wait that has an end at any time. */
export interface Pause {
  /** Waits, and no longer than until a hub of `scope` makes itself known. */
  wait(delayMs: number, scope: string): Promise<void>
  /** Ends it now. */
  cut(): void
}

/** Makes one, for one wait after the other. */
export function createPause({ clock, openBroadcast }: Pick<Platform, 'clock' | 'openBroadcast'>): Pause {
  let cut = (): void => {}

  /** What hubs that start tell each other; `null` in a browser that lets nobody hear. */
  const listen = (scope: string): { close(): void } | null => {
    try {
      const hubs = openBroadcast(hubsChannelName(scope))
      hubs.addEventListener('message', () => cut())
      return hubs
    } catch {
      return null
    }
  }

  return {
    async wait(delayMs, scope) {
      const hubs = listen(scope)
      await new Promise<void>((resolve) => {
        const cancel = clock.setTimer(delayMs, resolve)
        cut = () => {
          cancel()
          resolve()
        }
      })
      hubs?.close()
    },
    cut: () => cut(),
  }
}
