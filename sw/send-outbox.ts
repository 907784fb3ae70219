import { createRuntime } from '../src/core/runtime.ts'
import { DEFAULT_OUTBOX, DEFAULT_RECONNECT } from '../src/core/settings.ts'
import type { SendOnlyEnd } from '../src/core/state.ts'
import type { Log, OpenSocket, Random, SteadyClock, Store } from '../src/core/ports.ts'
import { HoldfastError } from '../src/protocol/errors.ts'
import { inTurn, type OwnerTurn, type TurnPorts } from './owner-turn.ts'

/** Tries in a row for a connection; then it is the browser's to say when the next are worth it. */
const TRIES = 3

/** What sending needs of the outside. */
export interface SendPorts extends TurnPorts {
  readonly clock: SteadyClock
  readonly random: Random
  readonly log: Log
  readonly openSocket: (url: string) => OpenSocket
  /** A store that is not open yet; `null` when the browser holds none of that scope. One that cannot be read is left to a tab as it is. */
  store(scope: string): Promise<Store | null>
}

/**
 * Sends the outbox of a scope, as its owner for that time. Never throws.
 * @param maxAgeMs what is older than this is left to a tab
 * @param leave aborts when a new version of the service worker is to take over
 */
export async function sendOutbox(ports: SendPorts, scope: string, maxAgeMs: number, leave: AbortSignal): Promise<SendOnlyEnd> {
  try {
    const ended = await inTurn(ports, scope, leave, (turn) => sendInTurn(ports, scope, maxAgeMs, turn))
    const end: SendOnlyEnd = typeof ended === 'string' ? { end: 'again', why: ended } : ended
    ports.log({ level: 'info', event: 'send-outbox', ...end })
    return end
  } catch (error) {
    ports.log({ level: 'error', event: 'send-outbox-failed', message: String(error) })
    // What is left of it has to be told, and there is nobody here to tell.
    const isCorrupt = error instanceof HoldfastError && error.code === 'storage-corrupt'
    return isCorrupt ? { end: 'tab', why: 'corrupt' } : { end: 'again', why: 'failed' }
  }
}

async function sendInTurn(ports: SendPorts, scope: string, maxAgeMs: number, turn: OwnerTurn): Promise<SendOnlyEnd> {
  const store = await ports.store(scope)
  if (!store) return { end: 'sent', why: 'no-store' }
  try {
    return await sendStored(ports, store, maxAgeMs, turn)
  } finally {
    store.close()
  }
}

async function sendStored(ports: SendPorts, store: Store, maxAgeMs: number, turn: OwnerTurn): Promise<SendOnlyEnd> {
  const stored = await store.open()
  const { sendOnly, outbox } = stored
  if (outbox.entries.length === 0) return { end: 'sent', why: 'all' }
  if (!sendOnly) return { end: 'tab', why: 'no-token' }
  const { url, token, user } = sendOnly
  return new Promise((resolve) => {
    const runtime = createRuntime({
      settings: {
        url,
        user,
        reconnect: { ...DEFAULT_RECONNECT, maxAttempts: TRIES },
        outbox: { ...DEFAULT_OUTBOX, maxAgeMs },
        hiddenDelayMs: 0,
      },
      clock: ports.clock,
      random: ports.random,
      log: ports.log,
      openSocket: ports.openSocket(url),
      store,
      stored,
      sendOnly: token,
      askCredential: () => Promise.reject(new Error('there is no tab')),
      notify(notice) {
        if (notice.type === 'error') ports.log({ level: 'error', event: 'send-outbox-error', code: notice.error.code })
        const { phase } = runtime.state
        if (phase.name === 'ended') resolve({ end: phase.end, why: phase.why })
      },
    })
    void turn.over.then((why) => {
      runtime.dispatch({ type: 'stop' })
      resolve({ end: 'again', why })
    })
    if (turn.ended() === null) runtime.dispatch({ type: 'start' })
  })
}
