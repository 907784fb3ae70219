import { Server } from 'socket.io'

/**
 * Socket.IO as it comes, without its polling.
 *
 * @param {import('node:http').Server} http
 * @returns {import('../server.mjs').Contender}
 */
export function serve(http) {
  const server = new Server(http, { transports: ['websocket'] })
  return {
    publish(messages) {
      for (const message of messages) server.emit('message', message)
    },
  }
}
