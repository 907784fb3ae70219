import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Clock } from './ports.ts'

/** The body of a request, or why there is none. `gone`: nobody is left to be answered. */
export type Body = { readonly text: string } | 'gone' | 'too-large' | 'too-slow' | 'not-utf-8'

/** Reads a body of UTF-8, and no more of it than there may be. Never rejects. */
export function readBody(request: IncomingMessage, clock: Clock, maxBytes: number, limitMs: number): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const end = (body: Body): void => {
      cancel()
      request.off('data', take).off('end', decode)
      resolve(body)
    }
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > maxBytes) end('too-large')
      else chunks.push(chunk)
    }
    const decode = (): void => end(textOf(Buffer.concat(chunks)))
    const cancel = clock.setTimer(limitMs, () => end('too-slow'))
    // What is announced as too large need not begin.
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) return end('too-large')
    // An aborted request tells an error too, which nobody else listens for.
    request.on('error', () => end('gone')).on('close', () => end('gone'))
    request.on('data', take).on('end', decode)
  })
}

function textOf(bytes: Buffer): Body {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return 'not-utf-8'
  }
}
