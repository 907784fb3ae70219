import type { Locks } from '../src/bridge/liveness.ts'
import { ownerLockName } from '../src/bridge/lock-names.ts'
import { settleThrough } from '../src/core/outbox.ts'
import type { Clock, Log, OutboxState, Store, StoredFlush } from '../src/core/ports.ts'
import { HoldfastError } from '../src/protocol/errors.ts'
import { decodeFlushAnswer } from '../src/protocol/flush-codec.ts'
import type { FlushAnswer } from '../src/protocol/messages.ts'
import { flushText } from './flush-text.ts'
import { nextBatch } from './next-batch.ts'
import { takeTurn, type OwnerTurn } from './owner-turn.ts'
import { takeAnswer } from './take-answer.ts'

/** How long one POST may take, from its first byte to the last of its answer. */
const POST_DEADLINE_MS = 10_000

/** What a flush needs of the outside. */
export interface FlushPorts {
  readonly clock: Clock
  readonly locks: Locks
  readonly log: Log
  /** A store that is not open yet; `null` when the browser holds none of that scope. One that cannot be read is left to a tab as it is. */
  store(scope: string): Promise<Store | null>
  /** What came back of a POST of JSON; `text` is `null` when that is not JSON. Rejects when nothing came back. */
  readonly post: (
    url: string,
    token: string,
    text: string,
    signal: AbortSignal,
  ) => Promise<{ readonly status: number; readonly text: string | null }>
}

/** How a flush ended: `sent`, nothing is left; `tab`, only a tab can go on; `again`, the browser shall try later. `why` is for the log. */
export interface FlushEnd {
  readonly end: 'sent' | 'tab' | 'again'
  readonly why: string
}

/**
 * Sends the outbox of a scope by POST, as its owner for that time. Never throws.
 * @param maxAgeMs what is older than this is left to a tab
 * @param leave aborts when a new version of the service worker is to take over
 */
export async function flushOutbox(ports: FlushPorts, scope: string, maxAgeMs: number, leave: AbortSignal): Promise<FlushEnd> {
  try {
    const ended = await flushInTurn(ports, scope, maxAgeMs, leave)
    ports.log({ level: 'info', event: 'flush', ...ended })
    return ended
  } catch (error) {
    ports.log({ level: 'error', event: 'flush-failed', message: String(error) })
    // What is left of it has to be told, and there is nobody here to tell.
    const isCorrupt = error instanceof HoldfastError && error.code === 'storage-corrupt'
    return isCorrupt ? { end: 'tab', why: 'corrupt' } : { end: 'again', why: 'failed' }
  }
}

async function flushInTurn(ports: FlushPorts, scope: string, maxAgeMs: number, leave: AbortSignal): Promise<FlushEnd> {
  const turn = await takeTurn(ports.locks, ports.clock, ownerLockName(scope), leave)
  if (!turn) return { end: 'again', why: 'hub' }
  try {
    const store = await ports.store(scope)
    if (!store) return { end: 'sent', why: 'no-store' }
    try {
      return await flushStore(ports, store, turn, maxAgeMs, leave)
    } finally {
      store.close()
    }
  } finally {
    turn.release()
  }
}

async function flushStore(ports: FlushPorts, store: Store, turn: OwnerTurn, maxAgeMs: number, leave: AbortSignal): Promise<FlushEnd> {
  const { flush, ...stored } = await store.open()
  let { outbox } = stored
  while (outbox.entries.length > 0) {
    if (!flush || outbox.ledger === null) return { end: 'tab', why: 'no-token' }
    const batch = nextBatch(outbox, ports.clock.nowMs() - maxAgeMs, flush.frameBytes)
    const last = batch.at(-1)?.n
    if (last === undefined) return { end: 'tab', why: 'recall-or-age' }
    if (await turn.isWanted()) return { end: 'again', why: 'hub' }
    if (last > outbox.sentThrough) {
      await store.raiseSentThrough(last)
      outbox = { ...outbox, sentThrough: last }
    }
    if (turn.isLost() || leave.aborted) return { end: 'again', why: leave.aborted ? 'update' : 'hub' }
    const answer = await post(ports, flush, flushText(outbox, flush.user, batch), leave)
    const settled = await settle(store, outbox, flush, answer)
    if ('end' in settled) return settled
    outbox = settled
  }
  return { end: 'sent', why: 'all' }
}

/** Stores what the answer covers. Gives the outbox that is left, or why nothing more is to be sent. */
async function settle(
  store: Store,
  outbox: OutboxState,
  { user }: StoredFlush,
  answer: FlushAnswer | null,
): Promise<OutboxState | FlushEnd> {
  if (!answer) return { end: 'again', why: 'no-answer' }
  if (answer.type === 'flush_refused') return { end: answer.reason === 'busy' ? 'again' : 'tab', why: answer.reason }
  const covered = takeAnswer(outbox, user, answer)
  if (covered === 'disagreement') return { end: 'tab', why: covered }
  if (!covered) return { end: 'again', why: 'not-stable' }
  await store.settle(covered.through, covered.id, covered.fates)
  return settleThrough(outbox, covered.through, covered.id)
}

/** What the endpoint answered; `null` when nobody did in time, or somebody else. */
async function post(ports: FlushPorts, { url, token }: StoredFlush, text: string, leave: AbortSignal): Promise<FlushAnswer | null> {
  const { clock, log } = ports
  const over = new AbortController()
  const giveUp = (): void => over.abort()
  const stopTimer = clock.setTimer(POST_DEADLINE_MS, giveUp)
  leave.addEventListener('abort', giveUp, { once: true })
  try {
    const { status, text: answered } = await ports.post(url, token, text, over.signal)
    const decoded = decodeFlushAnswer(answered ?? '')
    if (!decoded.ok) log({ level: 'info', event: 'flush-answer', status, error: decoded.error })
    // An answer that says it has taken something, under a status that says the contrary, is not the endpoint's.
    return decoded.ok && (status === 200) === (decoded.message.type === 'flushed') ? decoded.message : null
  } catch (error) {
    log({ level: 'info', event: 'flush-unanswered', message: String(error) })
    return null
  } finally {
    stopTimer()
    leave.removeEventListener('abort', giveUp)
  }
}
