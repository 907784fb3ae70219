// The server, in a process of its own: `node server.mjs <journal>`, driven over IPC. It keeps its messages in memory
// and forgets them when it ends.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLiveServer, memoryEngine, Rejected, type Clock } from 'holdfast/server'
import { appendTo, readJournal, userChannel, type JournalRow } from './journal.ts'
import { journalled, type HandlerCall } from './journalled-engine.ts'
import type { ChaosMessage } from './page/page-event.ts'
import { CHANNELS } from './scene.ts'
import type { SecondChannel, ServerOrder } from './server-process.ts'

/** What the handlers publish. */
interface Published {
  readonly name: string
}

const HISTORY = { messages: 400 }
const HEARTBEAT = { pingMs: 1_500, hiddenPingMs: 3_000, timeoutMs: 1_500 }
/** Small, so that strangers can fill it; swept often, since what was there at the last sweep is not given up. */
const SESSIONS = { max: 40, sweepMs: 1_000 }
/** Credentials end, by the clock of this server: a client is asked for another one a minute before. */
const CREDENTIAL_MS = 90_000

const [path = '', ...users] = process.argv.slice(2)
const rows = readJournal(path)
const write = appendTo(path)
const server = rows.filter(({ type }) => type === 'started').length + 1

/** How many messages the database holds of each channel: its whole value. */
const counts = new Map<string, number>()
const count = (row: JournalRow): void => {
  if (row.type !== 'started') for (const { channel } of row.published) counts.set(channel, (counts.get(channel) ?? 0) + 1)
}
rows.forEach(count)
const append = (row: JournalRow): void => {
  count(row)
  write(row)
}
append({ type: 'started', atMs: Date.now(), server })

const calls = new Map<string, HandlerCall>()
let clockOffMs = 0
/** The machine's clock, whose wall clock somebody may set. */
const clock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now() + clockOffMs,
  setTimer(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, 2 ** 31 - 1)).unref()
    return () => clearTimeout(timer)
  },
  soon: (run) => void setImmediate(run),
}

/** Besides those that everybody reads there is room for one more, and its messages are soon forgotten. */
const MOST_CHANNELS = CHANNELS.length + users.length + 1
function history(channel: string): { readonly messages: number; readonly ageMs?: number } {
  if (channel === 'second.throws') throw new TypeError('chaos: no such kind of channel')
  if (channel === 'second.nonsense') return { messages: 0 }
  return channel.startsWith('second.') ? { messages: 20, ageMs: 1_000 } : HISTORY
}

let publications = 0
let throwing = 0
let slow = { count: 0, ms: 0 }
/** What the next handlers do besides. */
let second: { count: number; readonly channel: SecondChannel } = { count: 0, channel: 'fine' }
let snapshotsFailUntilMs = 0
const next = (): Published => ({ name: `${server}.${++publications}` })

/**
 * Channels that a handler publishes to besides: new ones, for one of which there is room; or one that cannot be made.
 */
function secondChannels(): readonly string[] {
  if (second.count === 0) return []
  second.count--
  const { channel } = second
  return channel === 'no room' ? [1, 2, 3].map((nth) => `second.${publications}.${nth}`) : [`second.${channel}`]
}

const live = createLiveServer({
  allowedOrigins: '*',
  clock,
  history,
  sessions: SESSIONS,
  heartbeat: HEARTBEAT,
  engine: journalled(memoryEngine({ maxChannels: MOST_CHANNELS }), { server, calls, append }),
  authenticate: ({ credential }) => (credential === null ? null : { user: credential, expiresAtMs: clock.wallMs() + CREDENTIAL_MS }),
  authorize: () => true,
  snapshot(channel, { user }) {
    if (Date.now() < snapshotsFailUntilMs) throw new Error('chaos: no value now')
    return { rows: counts.get(channel === '@user' ? userChannel(user) : channel) ?? 0 }
  },
  onMessage({ id, channel, data, mayRepeat, durable }, { publish, sendToUser, user }) {
    const { key, reject, personal } = data as ChaosMessage
    if (!durable) return append({ type: 'volatile', atMs: Date.now(), server, id, key, published: [] })
    const take = (): unknown => {
      const call: HandlerCall = { key, mayRepeat, publishes: 0 }
      calls.set(id, call)
      if (throwing > 0) {
        throwing--
        throw new Error('chaos: the handler throws')
      }
      if (reject) throw new Rejected('the message asks for it')
      // All of it commits with the message's number, or nothing.
      for (const each of [channel, ...secondChannels()]) {
        publish(each, next())
        call.publishes++
      }
      if (!personal || user === null) return
      sendToUser(user, next())
      call.publishes++
      // JSON cannot carry it: the work is done all the same.
      return 1n
    }
    if (slow.count === 0) return take()
    slow.count--
    return sleep(slow.ms).then(take)
  },
  log: (entry) => {
    if (entry.event === 'failed') console.error('server:', entry)
  },
})

const http = createServer()
live.attach(http, { path: '/live' })
// What everybody reads has its place for good.
for (const channel of CHANNELS) await live.publish(channel, next())
for (const user of users) await live.sendToUser(user, next())
http.listen(0, '127.0.0.1', () => process.send?.({ port: (http.address() as AddressInfo).port }))

const carryOut = async (order: ServerOrder): Promise<void> => {
  switch (order.type) {
    case 'publish':
      for (let at = 0; at < order.count; at++) await live.publish(order.channel, next())
      return
    case 'throw':
      throwing = order.count
      return
    case 'second':
      second = { count: order.count, channel: order.channel }
      return
    case 'clock':
      clockOffMs = order.offMs
      return
    case 'slow':
      slow = { count: order.count, ms: order.ms }
      return
    case 'block':
      for (const endMs = Date.now() + order.ms; Date.now() < endMs;);
      return
    case 'fail-snapshots':
      snapshotsFailUntilMs = Date.now() + order.ms
      return
    case 'close':
      await live.close({ drainMs: order.drainMs })
      process.exit(0)
  }
}
process.on('message', (order: ServerOrder) => {
  carryOut(order).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'closed') throw error
  })
})
process.on('disconnect', () => process.exit(0))
