import { once } from 'node:events'
import { createServer } from 'node:http'
import { beforeAll, describe, expect, it } from 'vitest'
import { createLiveServer } from './live-server.ts'
import { attackServer } from './testing/attack-contract.ts'
import { freshId } from './testing/fake-peer.ts'
import { entriesOf, flushOf, post, type PostAnswer, type PostRequest } from './testing/outbox-post.ts'
import { rawClient } from './testing/raw-request.ts'
import { decodeFlushAnswer, type Flush } from '../protocol/index.ts'

const ALLOWED = 'https://app.example.com'

/** What the server said, as a client reads it; every answer has to be one. */
function said({ text, headers }: PostAnswer): unknown {
  expect(headers['content-type']).toBe('application/json')
  const decoded = decodeFlushAnswer(text)
  return decoded.ok ? decoded.message : `no answer of the protocol: ${text}`
}

describe('the outbox endpoint', () => {
  const applied: unknown[] = []
  const server = attackServer(
    {
      allowedOrigins: [ALLOWED],
      authenticate: ({ credential }) => (credential === 'key' ? { user: 'ada' } : null),
      onMessage: ({ data, channel }) => void (channel === 'agents' && applied.push(data)),
      limits: { frameBytes: 8_192, messageBytes: 4_096, helloMs: 250, flushesPerMinute: 1_000 },
    },
    { user: 'ada', credential: 'key' },
  )
  const client = freshId()
  let token = ''
  let ledger = ''

  beforeAll(async () => {
    const peer = await server.open({ client, user: 'ada', credential: 'key' })
    const answer = peer.received[0]
    if (answer?.type === 'session_init') ({ outboxToken: token = '', ledger } = answer)
  })

  const headersOf = (changes: Record<string, string | undefined> = {}): Record<string, string> =>
    Object.fromEntries(
      Object.entries({ origin: ALLOWED, 'content-type': 'application/json', authorization: `Bearer ${token}`, ...changes }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    )
  const bodyOf = (fields: Partial<Flush> = {}): string => JSON.stringify(flushOf({ client, ledger, user: 'ada', ...fields }))
  const send = (request: PostRequest = {}): Promise<PostAnswer> => post(server.port, { headers: headersOf(), body: bodyOf(), ...request })

  it('[P38] [P41] takes a flush and says what came of it, to be kept by nobody on the way', async () => {
    const entries = entriesOf(1, 2)
    const answer = await send({ body: bodyOf({ entries }) })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'Origin', 'access-control-allow-origin': ALLOWED })
    expect(said(answer)).toMatchObject({ type: 'flushed', user: 'ada', ledger, hi: 2, stable: 2, id: entries[1]?.id, client: { hi: 2 } })
    expect(applied).toEqual([1, 2])
    expect((await send({ body: bodyOf({ entries }), headers: headersOf({ origin: undefined }) })).status).toBe(200)
    expect((await send({ body: bodyOf({ entries }), path: '/live/outbox?x=1' })).status).toBe(200)
    expect(
      (await send({ body: bodyOf({ entries }), headers: headersOf({ 'content-type': 'application/json; charset=utf-8' }) })).status,
    ).toBe(200)
    expect(applied).toEqual([1, 2])
  })

  const large = 'x'.repeat(9_000)
  it.each<[string, number, string, () => PostRequest]>([
    ['an origin that is not listed', 403, 'forbidden', () => ({ headers: headersOf({ origin: 'https://evil.example' }) })],
    ['the origin null', 403, 'forbidden', () => ({ headers: headersOf({ origin: 'null' }) })],
    ['an origin that only begins like a listed one', 403, 'forbidden', () => ({ headers: headersOf({ origin: `${ALLOWED}.evil.com` }) })],
    ['a cookie without an origin', 403, 'forbidden', () => ({ headers: headersOf({ origin: undefined, cookie: 'session=ada' }) })],
    [
      'the preflight of an origin that is not listed',
      403,
      'forbidden',
      () => ({ method: 'OPTIONS', headers: { origin: 'https://evil.example' } }),
    ],
    ['the method GET', 405, 'bad-message', () => ({ method: 'GET' })],
    ['the method PUT', 405, 'bad-message', () => ({ method: 'PUT' })],
    ['the method DELETE', 405, 'bad-message', () => ({ method: 'DELETE' })],
    ['no content type', 415, 'bad-message', () => ({ headers: headersOf({ 'content-type': undefined }) })],
    ['a content type that a form can send', 415, 'bad-message', () => ({ headers: headersOf({ 'content-type': 'text/plain' }) })],
    [
      'a content type that only begins like JSON',
      415,
      'bad-message',
      () => ({ headers: headersOf({ 'content-type': 'application/jsonp' }) }),
    ],
    ['two content types in one', 415, 'bad-message', () => ({ headers: headersOf({ 'content-type': 'text/plain, application/json' }) })],
    ['another charset', 415, 'bad-message', () => ({ headers: headersOf({ 'content-type': 'application/json; charset=utf-16' }) })],
    ['a content encoding', 415, 'bad-message', () => ({ headers: headersOf({ 'content-encoding': 'gzip' }) })],
    ['no authorization', 401, 'unauthenticated', () => ({ headers: headersOf({ authorization: undefined }) })],
    ['another scheme', 401, 'unauthenticated', () => ({ headers: headersOf({ authorization: `Basic ${token}` }) })],
    ['an empty token', 401, 'unauthenticated', () => ({ headers: headersOf({ authorization: 'Bearer ' }) })],
    ['a token and more', 401, 'unauthenticated', () => ({ headers: headersOf({ authorization: `Bearer ${token} x` }) })],
    [
      'a token with a byte changed',
      401,
      'unauthenticated',
      () => ({ headers: headersOf({ authorization: `Bearer ${token.slice(0, -3)}AAA` }) }),
    ],
    [
      'a token in the address',
      401,
      'unauthenticated',
      () => ({ path: `/live/outbox?token=${token}`, headers: headersOf({ authorization: undefined }) }),
    ],
    ['the token of a session', 401, 'unauthenticated', () => ({ headers: headersOf({ authorization: `Bearer ${'t'.repeat(43)}` }) })],
    ['the credential of the app', 401, 'unauthenticated', () => ({ headers: headersOf({ authorization: 'Bearer key' }) })],
    ['a token of 12 KB', 401, 'unauthenticated', () => ({ headers: headersOf({ authorization: `Bearer ${'t'.repeat(12_000)}` }) })],
    ['another client', 401, 'unauthenticated', () => ({ body: bodyOf({ client: freshId() }) })],
    ['another user', 403, 'user', () => ({ body: bodyOf({ user: 'eve' }) })],
    ['nobody', 403, 'user', () => ({ body: bodyOf({ user: null }) })],
    ['another ledger', 409, 'ledger', () => ({ body: bodyOf({ ledger: freshId() }) })],
    ['a gap', 409, 'expected', () => ({ body: bodyOf({ entries: entriesOf(7, 8) }) })],
    ['another message under a known number', 409, 'conflict', () => ({ body: bodyOf({ entries: entriesOf(2, 4) }) })],
    ['another version', 400, 'version', () => ({ body: bodyOf({ protocol: 2 }) })],
    ['another version of another shape', 400, 'version', () => ({ body: '{"type":"flush","protocol":2}' })],
    ['no body', 400, 'bad-message', () => ({ body: '' })],
    ['no JSON', 400, 'bad-message', () => ({ body: '<html>' })],
    ['half of it', 400, 'bad-message', () => ({ body: bodyOf().slice(0, -10) })],
    ['a frame of the socket', 400, 'bad-message', () => ({ body: '{"type":"ping"}' })],
    ['no entries', 400, 'bad-message', () => ({ body: bodyOf({ entries: [] }) })],
    ['a number twice', 400, 'bad-message', () => ({ body: bodyOf({ entries: [...entriesOf(3, 3), ...entriesOf(3, 3)] }) })],
    ['a key that reaches a prototype', 400, 'bad-message', () => ({ body: bodyOf().replace('{', '{"__proto__":{"polluted":true},') })],
    ['brackets without end', 400, 'bad-message', () => ({ body: '['.repeat(8_000) })],
    ['bytes that are no UTF-8', 400, 'bad-message', () => ({ body: Buffer.from([...Buffer.from(bodyOf()), 0xff]) })],
    ['a body over the limit', 413, 'bad-message', () => ({ body: bodyOf({ client: large }) })],
    [
      'a body over the limit in pieces',
      413,
      'bad-message',
      () => ({ headers: { ...headersOf(), 'transfer-encoding': 'chunked' }, body: bodyOf({ client: large }) }),
    ],
    [
      'an announced body over the limit',
      413,
      'bad-message',
      () => ({ headers: { ...headersOf(), 'content-length': '100000', connection: 'close' }, body: large.repeat(12).slice(0, 100_000) }),
    ],
    ['a body that does not come', 408, 'busy', () => ({ headers: { ...headersOf(), 'content-length': String(bodyOf().length + 5) } })],
  ])('(X1) (X2) (SEC19) [P38] [I29] %s is refused with %i %s, and nothing of it is applied', async (_, status, reason, request) => {
    const before = [...applied]
    const answer = await send(request())
    expect([answer.status, said(answer)]).toMatchObject([status, { type: 'flush_refused', reason }])
    expect(applied).toEqual(before)
    expect(answer.headers['retry-after']).toBe(reason === 'busy' ? '1' : undefined)
    expect(answer.headers['access-control-allow-origin']).not.toBe('*')
    expect(answer.text).not.toContain('x'.repeat(20))
    expect(server.live.metrics()).toMatchObject({ flushes: 0 })
    expect(server.live.metrics().totals[`refused.flush.${reason}`]).toBeGreaterThan(0)
  })

  it('[P38] says to a page of an allowed origin that it may post, and to no other', async () => {
    const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' }
    const { status, headers, text } = await send({ method: 'OPTIONS', headers: { origin: ALLOWED, ...preflight }, body: '' })
    expect([status, text]).toEqual([204, ''])
    expect(headers).toMatchObject({
      'access-control-allow-origin': ALLOWED,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization, content-type',
      vary: 'Origin',
    })
    expect(headers).not.toHaveProperty('access-control-allow-credentials')
    const other = await send({ method: 'OPTIONS', headers: { origin: 'https://evil.example', ...preflight }, body: '' })
    expect(other.headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('[P40] [I30] a client that goes away in the middle of its body leaves nothing behind', async () => {
    const { socket, gone } = await rawClient(server.port)
    socket.write(
      `POST /live/outbox HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ${token}\r\nContent-Length: 500\r\n\r\n{"type"`,
    )
    await expect.poll(() => server.live.metrics().flushes, { interval: 2 }).toBe(1)
    expect((await send()).status).toBe(503)
    socket.destroy()
    await gone
    await expect.poll(() => server.live.metrics().flushes, { interval: 2 }).toBe(0)
  })

  it.each(['/live/outbox/', '/live/outbox/x', '/LIVE/outbox', '//live/outbox', '/outbox', '/live'])(
    '[P38] a POST to %s is a request for the HTTP server, which is not ours',
    async (path) => {
      const answer = await send({ path })
      expect([answer.status, answer.text]).toEqual([200, 'page'])
    },
  )
})

describe('an HTTP server with an outbox endpoint', () => {
  it('[P38] the app answers everything else, whether its listener came before or after, and the endpoint again when it is detached', async () => {
    const seen: string[] = []
    const http = createServer((request, response) => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
      response.end('first')
    })
    const [one, other] = [createLiveServer(), createLiveServer({ flush: false })]
    const emit: unknown = Reflect.get(http, 'emit')
    const detach = one.attach(http, { path: '/one' })
    const detachOther = other.attach(http, { path: '/other/' })
    http.on('request', (_request, response) => {
      if (response.writableEnded) seen.push('second')
    })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const address = http.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    expect((await post(port, { path: '/one/outbox' })).status).toBe(415)
    expect(seen).toEqual([])
    expect((await post(port, { path: '/other/outbox' })).text).toBe('first')
    expect(seen).toEqual(['POST /other/outbox', 'second'])
    detachOther()
    detach()
    expect(Reflect.get(http, 'emit')).toBe(emit)
    expect((await post(port, { path: '/one/outbox' })).text).toBe('first')
    const root = createLiveServer()
    root.attach(http, { path: '/' })
    expect((await post(port, { path: '/outbox' })).status).toBe(415)
    await root.close()
    expect((await post(port, { path: '/outbox' })).text).toBe('first')
    http.close()
    await one.close()
    await other.close()
  })
})
