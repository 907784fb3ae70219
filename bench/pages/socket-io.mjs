import { io } from 'socket.io-client'

/**
 * Socket.IO: a socket per tab, without its polling.
 *
 * @param {string} host
 * @param {ReturnType<typeof import('./receiver.mjs').createReceiver>} receiver
 */
export async function start(host, { receive, fail }) {
  const socket = io(`ws://${host}`, { transports: ['websocket'] })
  socket.on('message', receive)
  await new Promise((connected) => socket.on('connect', () => connected(undefined)))
  socket.on('disconnect', (reason) => fail(`Disconnected: ${reason}.`))
}
