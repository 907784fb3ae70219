import { WebSocketServer } from 'ws'

const FRAME_MESSAGES = 500

/**
 * The limit: one bare socket, and what is published at once in few frames. A bare outbox sends here too and is told when all was read.
 *
 * @param {import('node:http').Server} http
 * @returns {import('../server.mjs').Contender}
 */
export function serve(http) {
  const server = new WebSocketServer({ server: http })
  let received = 0
  server.on('connection', (socket) =>
    socket.on('message', (/** @type {Buffer} */ data) => {
      const text = data.toString()
      if (text === 'end') socket.send('end')
      else received += JSON.parse(text).length
    }),
  )
  return {
    publish(messages) {
      for (let at = 0; at < messages.length; at += FRAME_MESSAGES) {
        const text = JSON.stringify(messages.slice(at, at + FRAME_MESSAGES)).slice(1, -1)
        for (const socket of server.clients) socket.send(text)
      }
    },
    received: () => received,
  }
}
