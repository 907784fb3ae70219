// The server, in a process of its own: `node --expose-gc server.mjs`, driven over IPC.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLiveServer } from 'holdfast/server'
import type { Asked } from './child.ts'
import { sampleProcess, type Sample } from './sample.ts'
import { BOARD } from './scene.ts'

const PUBLISH_MS = 1_000
/** Logs are full soon, and what grows afterwards is a leak. */
const HISTORY_MESSAGES = 20

const live = createLiveServer({
  authenticate: ({ credential }) => (credential === null ? null : { user: credential }),
  authorize: () => true,
  history: { messages: HISTORY_MESSAGES },
  heartbeat: { pingMs: 2_000, hiddenPingMs: 4_000, timeoutMs: 2_000 },
  onMessage: ({ channel, data }, { publish }) => {
    if (!(data as { silent: boolean }).silent) publish(channel, data)
    return null
  },
})
const http = createServer()
live.attach(http)
let published = 0
setInterval(() => void live.publish(BOARD, { number: ++published }), PUBLISH_MS)

const listeners = (): number =>
  [process, http].reduce((sum, emitter) => sum + emitter.eventNames().reduce((all, name) => all + emitter.listenerCount(name), 0), 0)

function sample(): Sample {
  const { sockets, sessions, clients, channels, channelsRead, logMessages, lanes, queued } = live.metrics()
  const mostLogMessages = channels * HISTORY_MESSAGES
  return {
    ...sampleProcess(),
    listeners: listeners(),
    sockets,
    sessions,
    clients,
    channels,
    channelsRead,
    logMessages,
    mostLogMessages,
    lanes,
    queued,
  }
}

process.on('message', ({ id }: Asked) => process.send?.({ id, value: sample() }))
process.on('disconnect', () => process.exit(0))
http.listen(0, '127.0.0.1', () => process.send?.({ id: 0, value: { port: (http.address() as AddressInfo).port } }))
