import { WebSocketServer } from 'ws'

/**
 * A bare socket: one frame per message and socket, encoded once.
 *
 * @param {import('node:http').Server} http
 * @returns {import('../server.mjs').Contender}
 */
export function serve(http) {
  const server = new WebSocketServer({ server: http })
  return {
    publish(messages) {
      for (const message of messages) {
        const text = JSON.stringify(message)
        for (const socket of server.clients) socket.send(text)
      }
    },
  }
}
