import { randomBytes } from 'node:crypto'
import type { Random, SteadyClock } from '../src/core/ports.ts'
import { createRuntime } from '../src/core/runtime.ts'
import { DEFAULT_OUTBOX } from '../src/core/settings.ts'
import { createMemoryStore } from '../src/storage/memory-store.ts'
import { nodeSocket } from './node-socket.ts'
import { BOARD, roomOf } from './scene.ts'

/** A client of the soak: the session machine that a hub hosts, on a memory store and a real socket. */
export interface SoakClient {
  /** Whether it is connected, has nothing waiting, and was told the end of all it sent. */
  isIdle(): boolean
  /** Queues a message for its room; a silent one is applied and not published. */
  send(message?: { readonly silent: boolean }): void
  readonly counts: { sent: number; applied: number; delivered: number; resets: number; restarts: number; gaps: number; errors: number }
}

const OUTBOX = { ...DEFAULT_OUTBOX, durability: 'relaxed', mayRepeat: 'send' } as const
const RECONNECT = { baseDelayMs: 500, maxDelayMs: 4_000, jitter: 1, maxAttempts: Infinity, stableAfterMs: 1_000 }

const clock: SteadyClock = {
  nowMs: () => Date.now(),
  steadyMs: () => performance.timeOrigin + performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
/** The store remembers replies for ten minutes. In a soak these pass in half a minute, so that all of them do pass; messages take two hours to expire all the same. */
const storeClock: SteadyClock = { ...clock, steadyMs: () => clock.steadyMs() * 20 }
const random: Random = { fraction: () => randomBytes(4).readUInt32LE() / 2 ** 32, id: () => randomBytes(16).toString('base64url') }

/** Connects the nth client. */
export async function openClient(url: string, number: number): Promise<SoakClient> {
  const store = createMemoryStore({ clock: storeClock, random, limits: OUTBOX })
  const user = `user-${number}`
  const room = roomOf(number)
  const offsets = new Map<string, number>()
  const counts = { sent: 0, applied: 0, delivered: 0, resets: 0, restarts: 0, gaps: 0, errors: 0 }
  const runtime = createRuntime({
    settings: { url, user, reconnect: RECONNECT, outbox: OUTBOX, hiddenDelayMs: 1_000 },
    clock,
    random,
    openSocket: nodeSocket(url),
    store,
    stored: await store.open(),
    askCredential: () => Promise.resolve(user),
    log: () => {},
    notify(notice) {
      switch (notice.type) {
        case 'messages':
          for (const { offset } of notice.messages) {
            if (offset !== (offsets.get(notice.channel) ?? offset - 1) + 1) counts.gaps++
            offsets.set(notice.channel, offset)
            counts.delivered++
          }
          return
        case 'started':
          offsets.set(notice.channel, notice.cursor.offset)
          return
        case 'reset':
          counts.resets++
          return
        case 'fates':
          counts.applied += notice.fates.filter(({ fate }) => fate === 'applied').length
          return
        case 'notices':
          counts.restarts += notice.notices.length
          return
        case 'error':
          counts.errors++
      }
    },
  })
  for (const channel of [BOARD, room]) runtime.dispatch({ type: 'subscribe', channel, cursor: null })
  runtime.dispatch({ type: 'start' })
  return {
    counts,
    isIdle() {
      const { phase, channels, outbox } = runtime.state
      return (
        phase.name === 'live' &&
        outbox.entries.length === 0 &&
        counts.applied === counts.sent &&
        [...channels.values()].every(({ stage }) => stage === 'live')
      )
    },
    send({ silent } = { silent: false }) {
      const json = JSON.stringify({ number: ++counts.sent, silent })
      runtime.send([{ id: random.id(), channel: room, json }]).catch(() => counts.errors++)
    },
  }
}
