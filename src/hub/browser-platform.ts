import type { OpenBroadcast } from '../bridge/broadcast-port.ts'
import { parseHubName } from '../bridge/lock-names.ts'
import type { Log, Random, SteadyClock } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { createIndexedDbStore } from '../storage/indexeddb-store.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import { broadcastHubs } from './broadcast-hubs.ts'
import { browserSocket } from './browser-socket.ts'
import type { HubPlatform } from './platform.ts'

/** The wall clock's time at which this worker's own began. */
const beganMs = Date.now() - performance.now()

/** The worker's clock. */
export const clock: SteadyClock = {
  nowMs: () => Date.now(),
  steadyMs: () => Math.floor(beganMs + performance.now()),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

/** Chance from the worker's secure source. */
export const random: Random = {
  fraction: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
  id: () => base64url(crypto.getRandomValues(new Uint8Array(16))),
}

/** Broadcast channels of this origin. */
export const openBroadcast: OpenBroadcast = (name) => new BroadcastChannel(name)

/** Lines for developers go to the worker's console. */
export const log: Log = ({ level, event, ...details }) => console[level](`holdfast: ${event}`, details)

/** The outside of a hub in a browser's worker, the only file of this folder that touches globals. */
export function browserPlatform(workerName: string, shared: boolean): HubPlatform {
  const named = parseHubName(workerName)
  if (!named) throw new HoldfastError('invalid-option', `a hub's worker must be given the name that connect() passes, not "${workerName}"`)
  return {
    clock,
    random,
    locks: navigator.locks,
    log,
    ...named,
    url: location.href,
    hubs: broadcastHubs(openBroadcast, named.scope),
    shared,
    openSocket: browserSocket,
    durableStore: ({ outbox }) =>
      createIndexedDbStore({ name: `holdfast:${named.scope}`, clock, random, limits: outbox, durability: outbox.durability }),
    memoryStore: ({ outbox }) => createMemoryStore({ clock, random, limits: outbox }),
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}
