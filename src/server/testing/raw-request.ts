import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Header lines of a WebSocket upgrade that a server accepts. */
export const UPGRADE = [
  'GET /live HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
] as const

/** A TCP connection that speaks by hand. */
export interface RawClient {
  readonly socket: Socket
  /** Everything the other side has said. */
  heard(): string
  /** Resolves when the other side has ended or cut the connection. */
  readonly gone: Promise<void>
}

/** Opens a TCP connection to a port of this machine. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.setEncoding('latin1').on('data', (text: string) => (heard += text))
  socket.on('error', () => {})
  const gone = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return { socket, heard: () => heard, gone }
}

/** Sends a whole upgrade request and waits for the head of its answer. */
export async function upgrade(port: number, ...headers: readonly string[]): Promise<{ readonly head: string; readonly client: RawClient }> {
  const client = await rawClient(port)
  client.socket.write(`${[...UPGRADE, ...headers].join('\r\n')}\r\n\r\n`)
  while (!client.heard().includes('\r\n\r\n')) await once(client.socket, 'data')
  return { head: client.heard(), client }
}

/** A whole answer to a request. */
export interface Answer {
  readonly status: number
  /** Header lines, as they came. */
  readonly head: string
  readonly body: string
}

/** Makes a request by hand and waits until its answer is whole, by its `Content-Length`. */
export async function exchange(port: number, path: string, lines: readonly string[] = [], body: string = ''): Promise<Answer> {
  const client = await rawClient(port)
  client.socket.write(
    `${body === '' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.map((line) => `${line}\r\n`).join('')}`,
  )
  client.socket.write(body === '' ? '\r\n' : `Content-Length: ${body.length}\r\n\r\n${body}`)
  for (;;) {
    const heard = client.heard()
    const [head = '', ...rest] = heard.split('\r\n\r\n')
    const got = rest.join('\r\n\r\n')
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
    if (heard.includes('\r\n\r\n') && got.length >= length) {
      client.socket.destroy()
      return { status: Number(head.slice(9, 12)), head, body: got }
    }
    await Promise.race([once(client.socket, 'data'), client.gone.then(() => Promise.reject(new Error(`no answer: ${heard}`)))])
  }
}

/** Header lines of a request that asks for a WebSocket. */
export const WEBSOCKET: readonly string[] = UPGRADE.slice(2)
