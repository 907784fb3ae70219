// A stranger: so many sockets at a time, and on each whatever costs a server most. Forked by run.mjs.
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { WebSocket } from 'ws'

const [port = '', sockets = '1000'] = process.argv.slice(2)
const id = () => randomBytes(16).toString('base64url')
let accounts = 0
/** One of so many accounts that a stranger has made. */
const hello = (/** @type {object[]} */ subscriptions = []) => {
  const user = `stranger ${accounts++ % 50}`
  return JSON.stringify({
    type: 'hello',
    protocol: 1,
    client: id(),
    sender: id(),
    confirmed: 0,
    user,
    session: null,
    credential: user,
    subscriptions,
  })
}
let names = 0
const channels = (/** @type {number} */ count, from = 1) =>
  Array.from({ length: count }, (_, at) => ({ sub: from + at, channel: `stranger.${names++}`, cursor: null }))

/**
 * What is done on one socket; it goes on until the socket is closed.
 *
 * @type {readonly ((socket: WebSocket) => void)[]}
 */
const attacks = [
  // Reads as many channels as it may, all of them new.
  (socket) => socket.send(hello(channels(128))),
  // Leaves them for others, and asks for a value each.
  (socket) => {
    let sub = 129
    socket.send(hello(channels(128)))
    const timer = setInterval(() => {
      socket.send(JSON.stringify({ type: 'unsubscribe', subs: Array.from({ length: 90 }, (_, at) => sub - 90 + at) }))
      socket.send(JSON.stringify({ type: 'subscribe', subscriptions: channels(90, sub) }))
      sub += 90
    }, 20)
    socket.on('close', () => clearInterval(timer))
  },
  // Sends what makes channels and long replies, and confirms nothing.
  (socket) => {
    let n = 1
    socket.send(hello())
    const more = () => {
      const messages = Array.from({ length: 40 }, () => ({ n: n++, id: id(), channel: `room.${names++}`, data: 0 }))
      socket.send(JSON.stringify({ type: 'send', confirmed: 0, messages }))
    }
    socket.on('message', (/** @type {Buffer} */ data) => data.toString().includes('"ack"') && more())
    more()
  },
  // What is nested, and what is no message.
  (socket) => socket.send(`{"type":"hello","protocol":9,"x":${'['.repeat(80_000)}${']'.repeat(80_000)}}`),
  (socket) => socket.send(`{"type":"ping","x":"${'x'.repeat(900_000)}"}`),
  // As many frames as go.
  (socket) => {
    socket.send(hello())
    const timer = setInterval(() => {
      for (let at = 0; at < 50; at++) socket.send('{"type":"ping"}')
    }, 50)
    socket.on('close', () => clearInterval(timer))
  },
]

/** A frame that never ends. */
function half() {
  const socket = connect(Number(port), '127.0.0.1', () => {
    socket.write(
      `GET /live HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
    const head = Buffer.alloc(14)
    head[0] = 0x81
    head[1] = 0xff
    head.writeBigUInt64BE(1_000_000n, 2)
    socket.write(head)
    socket.write(Buffer.alloc(900_000))
  })
  socket.on('error', () => {})
  socket.resume()
  socket.on('close', () => setTimeout(half, 100))
}

function attack(/** @type {number} */ at) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, { perMessageDeflate: false })
  socket.on('error', () => {})
  socket.on('open', () => attacks[at % attacks.length]?.(socket))
  socket.on('close', () => setTimeout(attack, 100, at))
}

for (let at = 0; at < Number(sockets); at++) setTimeout(at % 20 === 19 ? half : attack, at, at)
