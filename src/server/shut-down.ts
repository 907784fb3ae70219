import type { ConnectionHost, HostedConnection } from './connection-host.ts'
import { within } from './deadline.ts'

/** Time for a client to hear the goodbye, within the time for everything. */
const FAREWELL_MS = 1_000
const RETRY_MIN_MS = 100
const RETRY_MS_PER_CONNECTION = 10

/**
 * Finishes what was begun, for `drainMs` at most, and says goodbye: to each connection as soon as everything that came
 * on it and was begun is acknowledged, and to all when the time is over. What is still at work then is told to stop.
 * Resolves when the sockets are gone, or have had a second for that.
 */
export async function shutDown(host: ConnectionHost, connections: ReadonlySet<HostedConnection>, drainMs: number): Promise<void> {
  const { lanes, handler, flusher, sockets, settings } = host
  const { clock } = settings
  const endsMs = clock.nowMs() + drainMs
  const retryMaxMs = Math.min(3_600_000, Math.max(1_000, connections.size * RETRY_MS_PER_CONNECTION))
  const leave = (connection: HostedConnection): void => connection.goodbye(RETRY_MIN_MS, retryMaxMs)
  const finished = lanes.stop()
  const farewells = [...connections].map(async (connection) => {
    // One that cannot sign out is closed for that.
    await connection.whenIdle().catch(() => {})
    // What the last handler published goes out before the goodbye.
    flusher.run()
    leave(connection)
  })
  const drained = within(clock, drainMs, Promise.all([finished, handler.whenIdle(), ...farewells]))
  await drained.catch(() => host.log({ level: 'info', event: 'drain_timeout', connections: connections.size }))
  for (const connection of connections) leave(connection)
  handler.stop()
  // An app ends its process next: what was written must have left it by then.
  const leftMs = Math.max(0, Math.min(endsMs - clock.nowMs(), FAREWELL_MS))
  await within(clock, leftMs, sockets.whenNone()).catch(() => {})
}
