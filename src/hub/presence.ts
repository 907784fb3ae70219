import type { TabSignal } from '../bridge/contract.ts'
import type { CoreEvent } from '../core/events.ts'
import type { TabSession } from './tab-session.ts'

/** Who is there, and what their browser says of the network, as the session machine is to know it. */
export interface Presence {
  /** Tells the machine how it is now: it is another one, or tabs came or went. */
  update(): void
  /** Somebody is back: a wait is cut short. */
  wake(): void
  /** A tab says something of its page or its browser. */
  readonly signal: (tab: TabSession, signal: TabSignal) => void
}

/**
 * Reads what `tabs`, a set that its maker keeps, say.
 * @param dispatch takes it to the machine, when there is one
 */
export function createPresence(
  tabs: ReadonlySet<TabSession>,
  dispatch: (event: Extract<CoreEvent, { type: 'presence' | 'wake' | 'retry' }>) => void,
): Presence {
  let online = true

  const update = (): void => {
    const visible = [...tabs].some((tab) => tab.visible && !tab.suspended)
    dispatch({ type: 'presence', visible, online })
  }

  const wake = (): void => dispatch({ type: 'wake' })

  return {
    update,
    wake,
    signal(tab, signal) {
      switch (signal) {
        case 'watch-outbox':
        case 'unwatch-outbox':
          tab.watchesOutbox = signal === 'watch-outbox'
          return tab.outboxChanged()
        case 'wants-log':
        case 'no-log':
          tab.wantsLog = signal === 'wants-log'
          return
        case 'has-token':
        case 'no-token': {
          const isNew = signal === 'has-token' && !tab.canAuthenticate
          tab.canAuthenticate = signal === 'has-token'
          return isNew ? wake() : undefined
        }
        case 'retry':
          return dispatch({ type: 'retry' })
        case 'online':
        case 'offline':
          online = signal === 'online'
          update()
          return wake()
        case 'suspended':
          tab.end()
          return update()
        case 'visible':
        case 'hidden':
          tab.setVisible(signal === 'visible')
          update()
          if (signal === 'visible') wake()
      }
    },
  }
}
