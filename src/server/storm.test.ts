import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { SteadyClock, OpenSocket, Random } from '../core/ports.ts'
import { createRuntime, type Runtime } from '../core/runtime.ts'
import { DEFAULT_OUTBOX, DEFAULT_RECONNECT } from '../core/settings.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import { createLiveServer } from './index.ts'

const CLIENTS = 1_000
const SLICE_MS = 100

const clock: SteadyClock = {
  nowMs: () => Date.now(),
  steadyMs: () => Date.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
const random: Random = { fraction: () => randomInt(2 ** 32) / 2 ** 32, id: () => randomBytes(16).toString('base64url') }

const openSocket =
  (url: string): OpenSocket =>
  (listener) => {
    const socket = new WebSocket(url)
    socket.on('open', () => listener.opened())
    socket.on('message', (data: Buffer) => listener.frame(data.toString()))
    socket.on('close', (code) => listener.closed(code))
    socket.on('error', () => {})
    return {
      send: (text) => socket.send(text),
      bufferedBytes: () => socket.bufferedAmount,
      close: (code, reason) => socket.close(code, reason),
    }
  }

/** The machine of one hub, hosted here. */
async function client(url: string): Promise<{ readonly runtime: Runtime; until(ready: (runtime: Runtime) => boolean): Promise<void> }> {
  const store = createMemoryStore({ clock, random, limits: DEFAULT_OUTBOX })
  const stored = await store.open()
  let changed = (): void => {}
  const runtime = createRuntime({
    settings: { url, user: null, reconnect: DEFAULT_RECONNECT, outbox: DEFAULT_OUTBOX, hiddenDelayMs: 0 },
    clock,
    random,
    openSocket: openSocket(url),
    store,
    stored,
    askCredential: async () => null,
    notify: () => changed(),
    log: () => {},
  })
  return {
    runtime,
    until: (ready) =>
      new Promise((resolve) => {
        changed = () => ready(runtime) && resolve()
        changed()
      }),
  }
}

const isLive = ({ state }: Runtime): boolean => state.phase.name === 'live'

it('[P33] [I34] a restart under a thousand clients spreads them: the busiest tenth of a second has at most 3 % of them', async () => {
  const http: Server = createServer()
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/live`
  const before = createLiveServer()
  before.attach(http)
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => client(url)))
  for (const { runtime } of clients) runtime.dispatch({ type: 'start' })
  await Promise.all(clients.map(({ until }) => until(isLive)))

  const closing = before.close({ drainMs: 1_000 })
  const after = createLiveServer()
  after.attach(http)
  // When each has decided to come back: a stall of this machine must not count as a crowd.
  const arrivals = await Promise.all(
    clients.map(async ({ runtime, until }) => {
      await until(({ state }) => state.phase.name === 'waiting')
      return runtime.state.phase.name === 'waiting' ? runtime.state.phase.retryAtMs : Number.NaN
    }),
  )
  await Promise.all(clients.map(({ until }) => until(isLive)))
  await closing

  expect(after.metrics().sockets).toBe(CLIENTS)
  const busiest = Math.max(...arrivals.map((from) => arrivals.filter((at) => at >= from && at < from + SLICE_MS).length))
  expect(busiest).toBeLessThanOrEqual(CLIENTS * 0.03)

  for (const { runtime } of clients) runtime.dispatch({ type: 'stop' })
  await after.close({ drainMs: 0 })
  http.closeAllConnections()
  http.close()
}, 60_000)
