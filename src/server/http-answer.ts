import { Buffer } from 'node:buffer'
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Headers beside those that every answer has. */
export type Extra = Readonly<Record<string, string>>

/** The sentence is for whoever looks, in a browser's tools or with curl; it is text and nothing else. */
function headersOf(body: Buffer, extra: Extra): Record<string, string> {
  return {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(body.length),
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    ...extra,
  }
}

/** Answers an upgrade that is refused, and ends the socket whatever its client does with its half. */
export function answerUpgrade(socket: Duplex, status: number, text: string, extra: Extra = {}): void {
  const body = Buffer.from(`${text}\n`)
  const lines = Object.entries({ ...headersOf(body, extra), Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on('error', () => socket.destroy())
  const head = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`)
  socket.end(Buffer.concat([head, body]), () => socket.destroy())
}

/** Answers an ordinary request, of HTTP/1 or HTTP/2. */
export function answerRequest(response: ServerResponse, status: number, text: string, extra: Extra = {}): void {
  const body = Buffer.from(`${text}\n`)
  response.writeHead(status, headersOf(body, extra)).end(body)
}
