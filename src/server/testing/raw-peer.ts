import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { ClientMessage } from '../../protocol/index.ts'

/** The header of an upgrade that a server accepts; `lines` are added. */
export function upgradeRequest(lines: readonly string[] = [], path: string = '/live'): string {
  const head = [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  return [...head, 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==', ...lines, '', ''].join('\r\n')
}

/** One frame as a client sends it, masked with zeros, which leave the payload as it is. `first` holds FIN, reserved bits and opcode. */
export function clientFrame(first: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload)
  const { length } = body
  const header =
    length < 126 ? [0x80 | length] : length < 65_536 ? [0xfe, length >> 8, length & 255] : [0xff, 0, 0, 0, 0, ...uint32(length)]
  return Buffer.concat([Buffer.from([first, ...header, 0, 0, 0, 0]), body])
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}

/** A client that speaks bytes: for what no WebSocket library sends. */
export class RawPeer {
  readonly socket: Socket
  /** Opcodes of the frames that came, oldest first. */
  readonly opcodes: number[] = []
  /** Text frames that came, oldest first. */
  readonly texts: string[] = []
  /** Code of the closing frame, or 1006 when the connection ended without one. Resolves when the connection has ended. */
  readonly closed: Promise<number>
  #bytes: Buffer = Buffer.alloc(0)
  #code = 1006

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => this.#take(chunk))
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(this.#code)))
  }

  /** Connects and upgrades; `lines` are added to the header of the request. */
  static async open(port: number, lines: readonly string[] = []): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => {})
    socket.write(upgradeRequest(lines))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    const end = answer.indexOf('\r\n\r\n') + 4
    if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${answer.toString('latin1')}`)
    const peer = new RawPeer(socket)
    peer.#take(answer.subarray(end))
    return peer
  }

  /** Sends a message of the protocol in one frame. */
  say(message: ClientMessage): void {
    this.socket.write(clientFrame(0x81, JSON.stringify(message)))
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    for (;;) {
      const bytes = this.#bytes
      const [first = 0, second = 0] = bytes
      const headerLength = second < 126 ? 2 : second === 126 ? 4 : 10
      if (bytes.length < headerLength) return
      const length = second < 126 ? second : second === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
      if (bytes.length < headerLength + length) return
      const payload = bytes.subarray(headerLength, headerLength + length)
      this.#bytes = bytes.subarray(headerLength + length)
      const opcode = first & 0x0f
      this.opcodes.push(opcode)
      if (opcode === 1) this.texts.push(payload.toString())
      if (opcode === 8) {
        this.#code = length < 2 ? 1005 : payload.readUInt16BE(0)
        this.socket.end()
      }
    }
  }
}
