import { afterEach, describe, expect, it } from 'vitest'
import type { ServerLimits } from './options.ts'
import { startWireServer, type WireServer } from './testing/wire-server.ts'
import { ObedientClient } from '../testing/obedient-client.ts'

/** Small enough that each is met many times in a second. */
const TIGHT: Partial<ServerLimits> = {
  frameBytes: 16_384,
  messageBytes: 8_192,
  framesPerSecond: 100,
  frameBurst: 50,
  messagesPerSecond: 1_000,
  messageBurst: 200,
  subscriptionsPerSecond: 50,
  subscriptionBurst: 40,
  sendWindow: 100,
  unconfirmed: 100,
  replyBytes: 4_096,
  channels: 16,
  outboundBytes: 65_536,
}

let server: WireServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

describe('an obedient client', () => {
  it.each<[string, Partial<ServerLimits>, number]>([
    ['small limits', TIGHT, 4_000],
    ['a window that is all a burst holds', { ...TIGHT, sendWindow: 200, unconfirmed: 200, messageBurst: 200, replyBytes: 1_024 }, 2_000],
  ])(
    '[P60] [P62] is never closed, and everything it sends is acknowledged, at every limit at once: %s',
    async (_, limits, ms) => {
      server = await startWireServer({
        limits,
        history: { messages: 50, bytes: 100_000 },
        snapshot: (channel) => ({ channel, value: 'v'.repeat(4_000) }),
        onMessage: ({ n, durable, channel }, { publish }) => {
          if (durable && (n ?? 0) % 50 === 0) publish(channel, n)
          return (n ?? 0) % 7 === 0 ? 'r'.repeat(500) : undefined
        },
      })
      const report = await new ObedientClient(server.url).run(ms)
      expect(report).toMatchObject({ closed: null, acknowledged: report.sent })
      const { totals } = server.live.metrics()
      expect(Object.keys(totals).filter((name) => name.startsWith('closes.') || name.startsWith('refused.'))).toEqual([])
      for (const what of ['sent', 'volatile', 'subscribed', 'values', 'pings']) expect(report.done[what], what).toBeGreaterThan(5)
      // Each is answered when nothing of the client is on its way.
      expect(report.done['recalls']).toBeGreaterThan(0)
    },
    20_000,
  )
})
