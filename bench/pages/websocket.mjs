/**
 * A bare socket per tab.
 *
 * @param {string} host
 * @param {ReturnType<typeof import('./receiver.mjs').createReceiver>} receiver
 */
export async function start(host, { receive, fail }) {
  const socket = new WebSocket(`ws://${host}`)
  socket.addEventListener('message', ({ data }) => receive(JSON.parse(data)))
  await new Promise((opened) => socket.addEventListener('open', opened))
  socket.addEventListener('close', () => fail('The socket was closed.'))
}
