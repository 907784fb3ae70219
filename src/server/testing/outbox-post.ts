import { request, type IncomingHttpHeaders } from 'node:http'
import { freshId } from './fake-peer.ts'
import type { Flush, FlushEntry } from '../../protocol/index.ts'

/** What a server answered to a request. */
export interface PostAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A request as it may be: everything but the port can be wrong. */
export interface PostRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | number>>
  /** Sent in these pieces. */
  readonly body?: string | Buffer
}

/** Sends one HTTP request to a port of this machine, on a connection of its own. */
export function post(port: number, { method = 'POST', path = '/live/outbox', headers = {}, body = '' }: PostRequest): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    asked.on('error', reject).end(body)
  })
}

/** Entries `from` to `to`, as messages whose data is their number. */
export function entriesOf(from: number, to: number, ids: readonly string[] = []): FlushEntry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({
    n: from + at,
    id: ids[from + at] ?? freshId(),
    channel: 'agents',
    data: from + at,
  }))
}

/** A flush of a client; what is not said is as a new anonymous client would have it. */
export function flushOf(fields: Pick<Flush, 'client' | 'ledger'> & Partial<Flush>): Flush {
  return { type: 'flush', protocol: 1, user: null, confirmed: 0, entries: entriesOf(1, 1), ...fields }
}
