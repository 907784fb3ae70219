// npm run bench:crowd -- --seconds 60 --sockets 1000      users are served while a stranger does all it can; ends
// non-zero when they are not
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { WebSocket } from 'ws'
import { createLiveServer, memoryEngine } from 'holdfast/server'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, sockets: { type: 'string', default: '1000' } } })
const USERS = 20
const PING_MS = 50
const MIB = 2 ** 20
const id = () => randomBytes(16).toString('base64url')
const list = Array.from({ length: 200 }, (_, k) => ({ k, text: 'x'.repeat(80) }))

const recordBytes = 64 * MIB
const maxHistoryBytes = 64 * MIB
const live = createLiveServer({
  authenticate: ({ credential }) => (credential === null ? null : { user: credential }),
  authorize: () => true,
  snapshot: (channel) => ({ channel, text: 'x'.repeat(1_000) }),
  onMessage: ({ channel, data }, { user, publish }) => (publish(channel, data), String(user).startsWith('stranger') ? list : null),
  sessions: { recordBytes },
  engine: memoryEngine({ maxHistoryBytes }),
})
const http = createServer()
live.attach(http)
await new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(undefined)))
const { port } = /** @type {import('node:net').AddressInfo} */ (http.address())

/** @type {number[]} */
const pings = []
/** What went wrong for the users: closes, refusals, resets. */
/** @type {string[]} */
const harms = []

/** A user who pings, sends and reads, and obeys. */
function sitDown(/** @type {string} */ name) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, { perMessageDeflate: false })
  let n = 1
  /** When the pings were sent that have no answer yet. */
  /** @type {number[]} */
  const sent = []
  socket.on('error', (error) => harms.push(String(error)))
  socket.on('close', (code) => harms.push(`closed ${code}`))
  socket.on('open', () =>
    socket.send(
      JSON.stringify({
        type: 'hello',
        protocol: 1,
        client: id(),
        sender: id(),
        confirmed: 0,
        user: name,
        session: null,
        credential: name,
        subscriptions: [{ sub: 1, channel: 'chat', cursor: null }],
      }),
    ),
  )
  socket.on('message', (/** @type {Buffer} */ data) => {
    const text = data.toString()
    if (text === '{"type":"pong"}') pings.push(performance.now() - (sent.shift() ?? 0))
    else if (/^\{"type":"(reset|refused|conflict|unknown_client|expected)"/.test(text)) harms.push(text.slice(0, 100))
    else if (text.startsWith('{"type":"session_init"')) {
      setInterval(() => {
        sent.push(performance.now())
        socket.send('{"type":"ping"}')
      }, PING_MS)
      setInterval(() => {
        socket.send(JSON.stringify({ type: 'send', confirmed: n - 1, messages: [{ n: n++, id: id(), channel: 'chat', data: n }] }))
      }, 1_000)
    }
  })
}

for (let at = 0; at < USERS; at++) sitDown(`user ${at}`)
await new Promise((resolve) => setTimeout(resolve, 1_000))
pings.length = 0
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
const stranger = fork(fileURLToPath(new URL('stranger.mjs', import.meta.url)), [String(port), values.sockets])
await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1_000))
delay.disable()
const metrics = live.metrics()
const late = new WebSocket(`ws://127.0.0.1:${port}/live`, { perMessageDeflate: false })
const served = await new Promise((resolve) => {
  late.on('open', () =>
    late.send(
      JSON.stringify({
        type: 'hello',
        protocol: 1,
        client: id(),
        sender: id(),
        confirmed: 0,
        user: 'late',
        session: null,
        credential: 'late',
        subscriptions: [{ sub: 1, channel: 'chat', cursor: null }],
      }),
    ),
  )
  late.on('message', (/** @type {Buffer} */ data) => data.toString().includes('"subscribed"') && resolve(true))
  setTimeout(resolve, 5_000, false)
})
stranger.kill()

const sorted = pings.toSorted((a, b) => a - b)
const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? Infinity
const rows = /** @type {const} */ ([
  ['ping.p99', 'ms', p99, 100],
  ['loop.longest', 'ms', delay.max / 1e6, 50],
  ['users.harmed', '', harms.length, 0],
  ['newcomer.refused', '', served ? 0 : 1, 0],
  ['records', 'MiB', metrics.recordBytes / MIB, (recordBytes + MIB) / MIB],
  ['histories', 'MiB', metrics.logBytes / MIB, (maxHistoryBytes + MIB) / MIB],
  ['memory', 'MiB', process.memoryUsage().rss / MIB, 1_500],
])
let missed = 0
for (const [name, unit, value, most] of rows) {
  if (value > most) missed++
  console.log(`${value > most ? 'MISSED' : 'met   '} ${name.padEnd(18)} ${value.toFixed(1)} ${unit} (at most ${most.toFixed(0)})`)
}
console.log(`pings ${pings.length}; ${harms.slice(0, 3).join('; ')}`)
console.log(JSON.stringify({ ...metrics }))
process.exit(missed > 0 ? 1 : 0)
