import type { ConnectionState, Connection } from '../../src/page/index.ts'
import { syncTag } from '../sync-tag.ts'

/** The part of a connection that is looked at. */
export type SyncedConnection = Pick<Connection, 'scope'> & {
  readonly state: Pick<Connection['state'], 'current' | 'subscribe'>
}

/** The browser, as the sync registration sees it. */
export interface SyncPorts {
  /** Asks for a `sync` event; `null` while there is no service worker, and where there is no Background Sync. */
  register(): ((tag: string) => Promise<void>) | null
  /** Calls `listener` when {@link SyncPorts.register} may give something else. */
  onReady(listener: () => void): void
  onPageHide(listener: () => void): () => void
  readonly failed: (error: unknown) => void
}

/** Asks for a `sync` event whenever the outbox would otherwise wait for a tab. Only a page may ask, and nothing tells of a hub's end. @returns how to stop */
export function keepSyncRegistered({ state, scope }: SyncedConnection, ports: SyncPorts): () => void {
  let tag: string | null = null
  let isOver = false
  let isAsked = false

  /** @returns whether there was anybody to ask */
  const ask = (): boolean => {
    const register = ports.register()
    if (isOver || tag === null || !register) return false
    register(tag).catch(ports.failed)
    return true
  }
  const look = (): void => {
    isAsked = waitsUnconnected(state.current) && (isAsked || ask())
  }
  const stopState = state.subscribe(look)
  const stopPage = ports.onPageHide(() => {
    // A page that goes before it knows may leave something behind.
    if (state.current.pending !== 0) ask()
  })
  ports.onReady(look)
  scope().then((name) => {
    tag = syncTag(name)
    look()
  }, ports.failed)
  return () => {
    isOver = true
    stopState()
    stopPage()
  }
}

function waitsUnconnected({ pending, status }: ConnectionState): boolean {
  return pending !== null && pending > 0 && status !== 'connected' && status !== 'recovering' && status !== 'closed'
}
