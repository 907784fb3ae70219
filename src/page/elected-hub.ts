import { openBroadcastPort, type OpenBroadcast } from '../bridge/broadcast-port.ts'
import type { Locks } from '../bridge/liveness.ts'
import { leaderLockName } from '../bridge/lock-names.ts'
import type { Id } from '../protocol/messages.ts'
import type { ElectedWorker, HubWorker } from './platform.ts'

/** What it takes to join a hub that runs in a tab. */
export interface Electorate {
  readonly locks: Locks
  readonly openBroadcast: OpenBroadcast
  readonly newId: () => Id
}

/**
 * Joins the hub `name` that runs in a worker of one of the tabs: of this one, when no other has it. Closing the port
 * ends this tab's part in it, and with it the worker, if it runs here; then another tab is elected.
 * @param startWorker starts the hub's worker in this tab
 */
export function joinElectedHub({ locks, openBroadcast, newId }: Electorate, name: string, startWorker: () => ElectedWorker): HubWorker {
  // A tab stands for election until a hub has answered, as the one that hears it may end before it does, and no longer:
  // one that is frozen would be elected and never know.
  const candidacy = new AbortController()
  const port = openBroadcastPort(openBroadcast, name, newId(), () => candidacy.abort())
  const failed: ((cause: unknown) => void)[] = []
  let worker: ElectedWorker | null = null
  let isOver = false
  let resign = (): void => {}

  const tellFailure = (cause: unknown): void => {
    for (const tell of failed) tell(cause)
  }
  const lead = (): Promise<void> =>
    new Promise((release) => {
      resign = release
      if (isOver) return release()
      try {
        worker = startWorker()
        worker.addEventListener('error', tellFailure)
      } catch (error) {
        // Forbidden by the page's policy, or an app's own function that threw.
        tellFailure(error)
      }
    })
  const leave = (): void => {
    isOver = true
    candidacy.abort()
    worker?.terminate()
    worker = null
    // Last: who is elected next finds no worker that still runs.
    resign()
  }
  // Rejected by the end of the candidacy, or by a browser that takes a page's locks away when it caches it.
  locks.request(leaderLockName(name), { signal: candidacy.signal }, lead).catch(() => worker && leave())

  return {
    port: {
      ...port,
      close() {
        port.close()
        leave()
      },
    },
    addEventListener: (_type, listener) => void failed.push(listener),
    isHere: () => worker !== null,
  }
}
