import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Clock, Random } from './ports.ts'
import type { LogEntry } from '../core/ports.ts'

/** Node's clock. Its timers never keep the process alive: the HTTP server does that. */
export const nodeClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1))
    timer.unref()
    return () => clearTimeout(timer)
  },
  soon(run) {
    setImmediate(run)
  },
}

/** Node's secure random source. */
export const nodeRandom: Random = {
  id: () => randomBytes(16).toString('base64url'),
  token: () => randomBytes(32).toString('base64url'),
}

/** Where lines go when the app takes none: only those that a developer must look at. */
export function nodeLog(entry: LogEntry): void {
  if (entry.level === 'error') console.error('holdfast', entry)
}
