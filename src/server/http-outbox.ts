import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { FlushDesk } from './flush-desk.ts'
import type { Refusal } from './flush-run.ts'
import { isOriginAllowed } from './origin.ts'
import type { Settings } from './options.ts'
import { pathOf } from './path-of.ts'
import { readBody } from './read-body.ts'
import type { FlushRefusal } from '../protocol/index.ts'

/** What the endpoint needs of its server. */
export interface HttpOutboxHost {
  readonly settings: Settings
  readonly flushes: FlushDesk
  count(name: string): void
}

const STATUS: { readonly [Reason in FlushRefusal]: number } = {
  unauthenticated: 401,
  forbidden: 403,
  user: 403,
  version: 400,
  ledger: 409,
  unknown_client: 409,
  conflict: 409,
  expected: 409,
  busy: 503,
  'bad-message': 400,
}

/** How long a browser may go on without asking again whether a page of another origin may post. */
const PREFLIGHT_SECONDS = 600
const RETRY_SECONDS = 1

/** The outbox endpoint: what HTTP says of a flush is judged here, the flush itself at the {@link FlushDesk}. */
export class HttpOutbox {
  readonly #host: HttpOutboxHost
  readonly #detach = new Map<Server, () => void>()

  constructor(host: HttpOutboxHost) {
    this.#host = host
  }

  /** Answers the requests of one path of an HTTP server; returns how to stop that. */
  attach(server: Server, path: string): () => void {
    this.#detach.get(server)?.()
    const detach = takeRequests(server, path, (request, response) => void this.#answer(request, response))
    const detachOnce = (): void => {
      detach()
      this.#detach.delete(server)
    }
    this.#detach.set(server, detachOnce)
    return detachOnce
  }

  /** Stops answering on every server. */
  detachAll(): void {
    for (const detach of this.#detach.values()) detach()
  }

  /** Never rejects. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, method } = request
    response.on('error', () => {})
    response.setHeader('Cache-Control', 'no-store')
    response.setHeader('Vary', 'Origin')
    if (!isOriginAllowed(headers, this.#host.settings.allowedOrigins)) return this.#refuse(response, { reason: 'forbidden' })
    if (headers.origin !== undefined) response.setHeader('Access-Control-Allow-Origin', headers.origin)
    if (method === 'OPTIONS') return preflight(response)
    if (method !== 'POST') {
      response.setHeader('Allow', 'POST, OPTIONS')
      return this.#refuse(response, { reason: 'bad-message' }, 405)
    }
    if (!isJson(headers['content-type']) || headers['content-encoding'] !== undefined)
      return this.#refuse(response, { reason: 'bad-message' }, 415)
    await this.#flush(request, response)
  }

  async #flush(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { flushes, settings } = this.#host
    const token = bearerOf(request.headers.authorization)
    const ticket = token === null ? 'unauthenticated' : await flushes.enter(token)
    if (ticket === 'unauthenticated') {
      response.setHeader('WWW-Authenticate', 'Bearer')
      return this.#refuse(response, { reason: 'unauthenticated' })
    }
    if (ticket === 'rate' || ticket === 'busy') return this.#refuse(response, { reason: 'busy' }, ticket === 'rate' ? 429 : 503)
    try {
      const { clock, limits } = settings
      const body = await readBody(request, clock, limits.frameBytes, limits.helloMs)
      if (body === 'gone') return
      if (body === 'too-large') return this.#refuse(response, { reason: 'bad-message' }, 413)
      if (body === 'too-slow') return this.#refuse(response, { reason: 'busy' }, 408)
      if (body === 'not-utf-8') return this.#refuse(response, { reason: 'bad-message' })
      const answer = await flushes.apply(ticket, body.text)
      if (typeof answer !== 'string') return this.#refuse(response, answer)
      this.#host.count('flushed')
      say(response, 200, answer)
    } finally {
      flushes.leave(ticket)
    }
  }

  #refuse(response: ServerResponse, refusal: Refusal, status: number = STATUS[refusal.reason]): void {
    this.#host.count(`refused.flush.${refusal.reason}`)
    if (refusal.reason === 'busy') response.setHeader('Retry-After', RETRY_SECONDS)
    // Nobody waits for what is left of the body.
    if (status === 408 || status === 413) response.setHeader('Connection', 'close')
    say(response, status, JSON.stringify({ type: 'flush_refused', ...refusal }))
  }
}

/**
 * Takes the requests of one path before anybody else hears of them. A listener more would not do: the app's own, which was there first or comes later, answers every request,
 * and the second answer throws.
 */
function takeRequests(server: Server, path: string, take: RequestListener): () => void {
  const emit = Reflect.get(server, 'emit') as (event: string, ...given: unknown[]) => boolean
  let isTaking = true
  const emitOthers = (event: string, ...given: unknown[]): boolean => {
    const [request, response] = given as Parameters<RequestListener>
    if (!isTaking || event !== 'request' || pathOf(request) !== path) return Reflect.apply(emit, server, [event, ...given])
    take(request, response)
    return true
  }
  server.emit = emitOthers
  return () => {
    isTaking = false
    // Somebody may have put theirs around it.
    if (server.emit === emitOthers) server.emit = emit
  }
}

function preflight(response: ServerResponse): void {
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'POST',
    'Access-Control-Allow-Headers': 'authorization, content-type',
    'Access-Control-Max-Age': PREFLIGHT_SECONDS,
  })
  response.end()
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' }).end(text)
}

/** JSON in UTF-8: a content type that a page of another origin cannot send without being asked for. */
function isJson(contentType: string | undefined): boolean {
  return /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(contentType ?? '')
}

function bearerOf(authorization: string | undefined): string | null {
  return /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1] ?? null
}
