// The server side of one contender, in a process of its own: `node server.mjs <contender> <directory of the built
// pages>`, driven over IPC.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { nowMs } from './clock.mjs'
import { createMessage } from './message.mjs'

/**
 * @typedef {{ publish(messages: readonly import('./message.mjs').Message[]): Promise<unknown> | void, received?():
 * number }} Contender `received`: messages it got, counted only when in order.
 */

const [name = '', site = ''] = process.argv.slice(2)
/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.js': 'text/javascript' }
/** @type {Set<import('node:stream').Duplex>} */
const sockets = new Set()
let published = 0

const pages = createServer((request, response) => void serveFile(request, response))
const live = createServer()
live.on('connection', (socket) => {
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
})
/** @type {Contender} */
const contender = (await import(`./contenders/${name}.mjs`)).serve(live)

function nextMessage() {
  return createMessage(++published)
}

/** @type {Record<string, (...values: any[]) => unknown>} */
const calls = {
  pages: () => listen(pages),
  /** Begins to answer at the given port, or at any. */
  open: (/** @type {number | undefined} */ port) => listen(live, port),
  /** A port where nobody listens, for `open` later on. */
  async reservePort() {
    const probe = createServer()
    const port = await listen(probe)
    await new Promise((closed) => probe.close(closed))
    return port
  },
  async burst(/** @type {number} */ count) {
    const messages = Array.from({ length: count }, nextMessage)
    const startedAt = nowMs()
    await contender.publish(messages)
    return startedAt
  },
  async pace(/** @type {number} */ count, /** @type {number} */ perSecond) {
    const startedAt = performance.now()
    for (let sent = 0; sent < count; sent++) {
      const waitMs = startedAt + (sent * 1_000) / perSecond - performance.now()
      if (waitMs > 0) await delay(waitMs)
      await contender.publish([nextMessage()])
    }
  },
  received: () => contender.received?.(),
  sockets: () => sockets.size,
  cpuMs() {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  },
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function serveFile({ url = '' }, response) {
  const { pathname } = new URL(url, 'http://localhost')
  const path = normalize(pathname === '/' ? '/index.html' : pathname)
  try {
    const body = await readFile(join(site, path))
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
    response.end(body)
  } catch {
    response.writeHead(404).end()
  }
}

/** @param {import('node:http').Server} server */
async function listen(server, port = 0) {
  await new Promise((listening) => server.listen(port, '127.0.0.1', () => listening(undefined)))
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port
}

/** @param {{ id: number, call: string, values: unknown[] }} request */
async function answer({ id, call, values }) {
  try {
    process.send?.({ id, value: await calls[call]?.(...values) })
  } catch (error) {
    process.send?.({ id, error: String(error instanceof Error ? error.stack : error) })
  }
}

process.on('message', (/** @type {Parameters<typeof answer>[0]} */ request) => void answer(request))
process.on('disconnect', () => process.exit())
process.send?.('ready')
