// The server of `obey.ts`, in a process of its own, with limits that a single client meets all the time.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLiveServer } from 'holdfast/server'

const live = createLiveServer({
  limits: {
    frameBytes: 65_536,
    messageBytes: 32_768,
    framesPerSecond: 100,
    frameBurst: 100,
    messagesPerSecond: 1_000,
    messageBurst: 500,
    subscriptionsPerSecond: 50,
    subscriptionBurst: 64,
    sendWindow: 200,
    unconfirmed: 200,
    replyBytes: 16_384,
    channels: 32,
  },
  history: { messages: 50, bytes: 100_000 },
  snapshot: (channel) => ({ channel, value: 'v'.repeat(4_000) }),
  onMessage: ({ n, durable, channel }, { publish }) => {
    if (durable && (n ?? 0) % 50 === 0) publish(channel, n)
    return (n ?? 0) % 7 === 0 ? 'r'.repeat(500) : undefined
  },
})
const http = createServer()
live.attach(http)
process.on('disconnect', () => process.exit(0))
http.listen(0, '127.0.0.1', () => process.send?.((http.address() as AddressInfo).port))
