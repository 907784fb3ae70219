// Hands what is meant for the live server to the proxy before it, so that page and live server have one origin: the page's files outlive a start of the demo,
// and so does what waits in its outbox.
import { connect } from 'node:net'

/**
 * @param {number} port
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:stream').Duplex} socket
 * @param {Buffer} head
 */
export function forwardUpgrade(port, request, socket, head) {
  const { method, url, rawHeaders } = request
  const lines = Array.from({ length: rawHeaders.length / 2 }, (_, at) => `${rawHeaders[2 * at]}: ${rawHeaders[2 * at + 1]}`)
  const onward = connect(port, '127.0.0.1')
  // A socket that is cut on one side is cut on the other.
  for (const [one, other] of [
    [socket, onward],
    [onward, socket],
  ]) {
    one?.on('error', () => other?.destroy())
    one?.on('close', () => other?.destroy())
  }
  onward.write([`${method} ${url} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
  onward.write(head)
  socket.pipe(onward).pipe(socket)
}
