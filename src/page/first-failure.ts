import { whenOverdue } from '../bridge/overdue.ts'
import type { ConnectionState } from '../core/public-state.ts'
import type { LiveValue } from './live-value.ts'
import type { Platform } from './platform.ts'

/** How long a first connection may take before a developer is told. */
const PATIENCE_MS = 10_000

/** Where it says which line to change. */
const GUIDE = 'docs/when-it-does-not-connect.md of the package'

/**
 * Writes one line to the page's console when this connection has not been there once after ten seconds: the address
 * that was tried, why it failed last, and where to look. A refusal by the server's code, and a browser without a
 * network, are no mistakes of a developer: nothing is said of them.
 */
export function watchFirstFailure(
  { clock, warn }: Pick<Platform, 'clock' | 'warn'>,
  address: string,
  state: LiveValue<ConnectionState>,
  signal: AbortSignal,
): void {
  let isLate = false
  const look = (): void => {
    const { current } = state
    const isOver = current.status === 'connected' || current.status === 'recovering' || current.status === 'closed'
    const line = isOver ? null : isLate && trouble(current)
    if (isOver || line) end()
    if (line)
      warn(`holdfast: never-connected: no connection in ${PATIENCE_MS / 1_000} s. Tried ${withoutSecrets(address)}: ${line} See ${GUIDE}.`)
  }
  const stop = state.subscribe(look)
  const cancel = whenOverdue(clock, PATIENCE_MS, () => {
    isLate = true
    look()
  })
  const end = (): void => {
    stop()
    cancel()
  }
  signal.addEventListener('abort', end)
}

/** What is the matter, and where to look; `null` for what is no mistake. */
function trouble(state: ConnectionState): string | null {
  if (state.status === 'waiting') {
    const { reason, closeCode } = state
    if (reason === 'offline') return null
    if (reason === 'hub') return 'the hub does not start, see the error event.'
    if (reason === 'no-credential') return 'option token gave no credential, see the error event.'
    const code = closeCode === undefined ? '' : `, close code ${closeCode}`
    const where =
      "Look at the server's log (origin not allowed?), at the path, and at what stands between: a proxy must pass upgrades and the Host."
    return `${reason}${code}. ${where}`
  }
  if (state.status !== 'refused') return 'no answer yet. Does a server listen there, and does a proxy pass upgrades of this path?'
  const { reason, script = 'address not known to the page', crossOrigin } = state
  if (reason === 'hub' || reason === 'reload-needed')
    return `the hub does not start (${script}${crossOrigin ? ', of another origin' : ''}), see the error event.`
  return reason === 'version' ? 'page and server are of different builds.' : null
}

/** The query may hold some. */
function withoutSecrets(address: string): string {
  const { origin, pathname } = new URL(address)
  return origin + pathname
}
