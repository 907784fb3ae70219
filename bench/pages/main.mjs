import { createReceiver } from './receiver.mjs'

const parts = {
  holdfast: () => import('./holdfast.mjs'),
  'socket.io': () => import('./socket-io.mjs'),
  websocket: () => import('./websocket.mjs'),
  port: () => import('./port.mjs'),
  'holdfast-outbox': () => import('./holdfast-outbox.mjs'),
  'raw-outbox': () => import('./raw-outbox.mjs'),
}

const query = new URLSearchParams(location.search)
const part = /** @type {keyof typeof parts} */ (query.get('part'))
const receiver = createReceiver()
const bench = { ...receiver, ready: start() }

async function start() {
  const module = await parts[part]()
  Object.assign(bench, await module.start(`${location.hostname}:${query.get('port')}`, receiver))
}

Object.assign(globalThis, { bench })
