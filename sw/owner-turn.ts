import type { OpenBroadcast } from '../src/bridge/broadcast-port.ts'
import type { Locks } from '../src/bridge/liveness.ts'
import { hubsChannelName, ownerLockName } from '../src/bridge/lock-names.ts'
import type { Clock } from '../src/core/ports.ts'

/** How long a hub may keep the owner lock before the outbox is left to it: browsers let one live on for 30 s without a tab. */
const PATIENCE_MS = 40_000
/** How long a turn is, with the time it is waited for. Chromium ends a `sync` event after three minutes. */
const TURN_MS = 120_000
/** How often it is looked whether a hub waits for the lock that was not heard to say so. */
const LOOK_MS = 1_000

/** What it takes to be the owner for a while. */
export interface TurnPorts {
  readonly clock: Clock
  readonly locks: Locks
  readonly openBroadcast: OpenBroadcast
}

/** Why a turn is over: a hub of a tab wants it, an update of the service worker was accepted, or the event has lasted long enough. */
export type TurnEnd = 'hub' | 'update' | 'time'

/** The owner lock of a scope, held by a service worker. */
export interface OwnerTurn {
  /** Resolves when nothing may be sent any more. */
  readonly over: Promise<TurnEnd>
  /** Set as soon as it is over. */
  ended(): TurnEnd | null
}

/**
 * Does `work` as the owner of the outbox of a scope, once its lock is free. Gives what `work` gave, or why there was no turn: whoever holds the lock keeps it for 40 s,
 * another hub comes first, or `leave` aborts.
 */
export async function inTurn<T>(
  { clock, locks, openBroadcast }: TurnPorts,
  scope: string,
  leave: AbortSignal,
  work: (turn: OwnerTurn) => Promise<T>,
): Promise<T | TurnEnd> {
  const name = ownerLockName(scope)
  let ended: TurnEnd | null = leave.aborted ? 'update' : null
  let tellOver: (why: TurnEnd) => void = () => {}
  const over = new Promise<TurnEnd>((resolve) => (tellOver = resolve))
  const waiting = new AbortController()
  const end = (why: TurnEnd): void => {
    tellOver((ended ??= why))
    waiting.abort()
  }
  const leaves = (): void => end('update')
  let stopLooking = (): void => {}
  const look = async (): Promise<void> => {
    const { pending = [] } = await locks.query()
    if (pending.some((request) => request.name === name)) end('hub')
    if (ended === null) stopLooking = clock.setTimer(LOOK_MS, () => void look().catch(() => end('hub')))
  }
  if (ended !== null) return ended
  // Before the lock is asked for: a hub says there that it wants the lock, and then waits for it.
  const hubs = openBroadcast(hubsChannelName(scope))
  hubs.addEventListener('message', () => end('hub'))
  leave.addEventListener('abort', leaves, { once: true })
  const stopPatience = clock.setTimer(PATIENCE_MS, () => waiting.abort())
  const stopTurn = clock.setTimer(TURN_MS, () => end('time'))
  try {
    return await locks.request(name, { signal: waiting.signal }, async () => {
      stopPatience()
      await look()
      return ended ?? work({ over, ended: () => ended })
    })
  } catch (error) {
    // Given up while it was waited for, or taken away by a hub that waited for longer than it would.
    if (ended !== null || waiting.signal.aborted || isTaken(error)) return ended ?? 'hub'
    throw error
  } finally {
    end('hub')
    for (const stop of [stopPatience, stopTurn, stopLooking]) stop()
    leave.removeEventListener('abort', leaves)
    hubs.close()
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
