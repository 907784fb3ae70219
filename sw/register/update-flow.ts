import { createLiveValue, type LiveValue } from '../../src/page/live-value.ts'

/** What becomes of a new version of the app. `waiting`: it is installed and waits to be accepted. `applying`: it was accepted; the page is about to be reloaded. */
export type UpdateState = 'none' | 'waiting' | 'applying'

/** The browser, as the update flow sees it. */
export interface UpdatePorts {
  /** A new version is installed and waits. May be told more than once. */
  onWaiting(listener: () => void): void
  /** Another service worker has this page now, or none has. */
  onController(listener: () => void): void
  /** Whether a service worker has this page. */
  isControlled(): boolean
  /** Tells the version that waits to go on. */
  skipWaiting(): void
  reload(): void
  readonly report: (error: unknown) => void
}

/** A new version of the app, from its arrival to the reload. */
export interface UpdateFlow {
  readonly state: LiveValue<UpdateState>
  accept(): void
}

/** Follows the versions of the app's service worker. */
export function createUpdateFlow(ports: UpdatePorts): UpdateFlow {
  const state = createLiveValue<UpdateState>('none', ports.report)
  let isControlled = ports.isControlled()
  let isReloading = false
  ports.onWaiting(() => {
    if (state.current === 'none') state.set('waiting')
  })
  ports.onController(() => {
    // The first service worker of the app: this page is of its version.
    const isFirst = !isControlled && state.current === 'none'
    // It goes with the site's data when those are cleared.
    isControlled = ports.isControlled()
    if (isFirst || !isControlled || isReloading) return
    isReloading = true
    state.set('applying')
    ports.reload()
  })
  return {
    state,
    accept() {
      if (state.current === 'none' || isReloading) return
      state.set('applying')
      ports.skipWaiting()
    },
  }
}
