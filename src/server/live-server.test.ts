import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { WebSocket } from 'ws'
import { afterEach, describe, expect, it } from 'vitest'
import { helloOf } from './testing/attack-contract.ts'
import { freshId } from './testing/fake-peer.ts'
import { startWireServer, type WireServer } from './testing/wire-server.ts'
import type { Authenticated, LiveServerOptions } from './options.ts'
import { openWireClient, type WireClient } from '../testing/wire-client.ts'
import type { Cursor, Hello, NumberedMessage } from '../protocol/index.ts'

const servers: WireServer[] = []

async function start<A extends Authenticated = Authenticated>(options: LiveServerOptions<A> = {}): Promise<WireServer> {
  const server = await startWireServer(options)
  servers.push(server)
  return server
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function open({ url }: WireServer, fields: Partial<Hello> = {}): Promise<WireClient> {
  const client = await openWireClient(url)
  client.send(helloOf(fields))
  await client.until(({ type }) => type === 'session_init' || type === 'session_restored')
  return client
}

const agents = (cursor: Cursor | null = null): Hello['subscriptions'] => [{ sub: 1, channel: 'agents', cursor }]

/** The status of an upgrade request; 101 when it was accepted. */
async function upgradeStatus({ port }: WireServer, headers: Record<string, string>, path = '/live'): Promise<number> {
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    path,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.from('0123456789abcdef').toString('base64'),
      ...headers,
    },
  })
  request.end()
  return new Promise((resolve, reject) => {
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      resolve(101)
    })
    request.on('response', ({ statusCode }) => resolve(statusCode ?? 0))
    request.on('error', reject)
  })
}

describe("the first version's faults", () => {
  it('[P6] [I17] session_init is answered and carries the cursor with the data', async () => {
    const server = await start({ snapshot: () => ['ada'] })
    const { offset } = await server.live.publish('agents', 'before')
    const client = await openWireClient(server.url)
    client.send(helloOf({ subscriptions: agents() }))
    expect(await client.next('session_init')).toMatchObject({ protocol: 1, connection: 1, client: null })
    expect(await client.next('subscribed')).toMatchObject({ verdict: 'snapshot', value: ['ada'], head: { offset } })
  })

  it('[P8] [I24] sessions are removed after their TTL and memory returns to the baseline', async () => {
    const server = await start({ sessions: { ttlMs: 60, sweepMs: 20 } })
    const clients = await Promise.all(Array.from({ length: 20 }, () => open(server, { subscriptions: agents() })))
    expect(server.live.metrics()).toMatchObject({ sockets: 20, sessions: 20 })
    for (const client of clients) client.cut()
    await expect
      .poll(() => server.live.metrics(), { interval: 10 })
      .toMatchObject({ sockets: 0, sessions: 0, lanes: 0, channelsRead: 0, queued: 0 })
  })

  it('[P23] [P25] messages published while a client is away are kept and delivered when it returns', async () => {
    const server = await start()
    const first = await open(server, { subscriptions: agents() })
    const cursor = (await first.next('subscribed')).head
    const { session } = first.received[0]?.type === 'session_init' ? first.received[0] : { session: null }
    first.cut()
    for (const word of ['one', 'two', 'three']) await server.live.publish('agents', word)
    const again = await open(server, { session, subscriptions: agents(cursor) })
    expect(again.received[0]?.type).toBe('session_restored')
    expect(await again.next('subscribed')).toMatchObject({ verdict: 'recovered', missed: 3 })
    expect((await again.next('missed_messages')).messages.map(({ data }) => data)).toEqual(['one', 'two', 'three'])
  })
})

describe('upgrades', () => {
  it('(SEC1) (SEC2) takes a listed origin, and a program without one unless it sends cookies', async () => {
    const server = await start({ allowedOrigins: ['https://app.example.com'] })
    expect(await upgradeStatus(server, { Origin: 'https://app.example.com' })).toBe(101)
    expect(await upgradeStatus(server, {})).toBe(101)
    expect(await upgradeStatus(server, { Cookie: 'a=b' })).toBe(403)
  })

  it('takes the own host by default, and any with a star', async () => {
    const server = await start()
    expect(await upgradeStatus(server, { Origin: `http://127.0.0.1:${server.port}` })).toBe(101)
    expect(await upgradeStatus(server, { Origin: `http://127.0.0.1:${server.port + 1}` })).toBe(403)
    expect(await upgradeStatus(server, { Host: 'app.example.com', Origin: 'https://app.example.com' })).toBe(101)
    expect(await upgradeStatus(await start({ allowedOrigins: '*' }), { Origin: 'https://evil.example' })).toBe(101)
  })

  it('leaves other paths to others, serves several servers, and detaches', async () => {
    const server = await start()
    const second = createServer().listen(0, '127.0.0.1')
    await once(second, 'listening')
    second.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'))
    const detach = server.live.attach(second, { path: '/elsewhere' })
    const address = second.address()
    const other = { ...server, port: typeof address === 'object' && address !== null ? address.port : 0 }
    expect(await upgradeStatus(other, {}, '/tea')).toBe(418)
    detach()
    expect(second.listenerCount('upgrade')).toBe(1)
    expect(await upgradeStatus(server, {})).toBe(101)
    expect(() => server.live.attach(second, { path: 'live' })).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    second.close()
  })

  it('gives authenticate the headers, origin and address of the upgrade', async () => {
    const seen: unknown[] = []
    const server = await start({
      authenticate: ({ credential, request }) => (
        seen.push([credential, request.headers['x-tag'], request.origin, request.remoteAddress]),
        { user: 'ada' }
      ),
    })
    const client = await openWireClient(server.url, { headers: { 'x-tag': 'yes' } })
    client.send(helloOf({ user: 'ada', credential: 'key' }))
    await client.next('session_init')
    expect(seen).toEqual([['key', 'yes', undefined, '127.0.0.1']])
  })
})

describe('rights on the wire', () => {
  it('[RT1] [RT2] [RT3] are ended by the methods of the server, and what was given before is worth nothing', async () => {
    const server = await start({
      authenticate: ({ credential }) => ({ user: credential, roles: ['reader'] }),
      authorize: ({ context }) => context?.roles.includes('reader') ?? false,
    })
    const hello = helloOf({ user: 'ada', credential: 'ada', subscriptions: [{ sub: 1, channel: 'room', cursor: null }] })
    const come = async (): Promise<WireClient> => {
      const client = await openWireClient(server.url)
      client.send(hello)
      return client
    }
    const first = await come()
    const { outboxToken = '', session } = await first.next('session_init')
    await first.next('subscribed')
    await server.live.unsubscribe('ada', 'room')
    expect(await first.next('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
    await server.live.disconnect({ session: session.id })
    expect((await first.closed).code).toBe(4401)
    const second = await come()
    await second.next('session_init')
    await server.live.disconnect('ada', 'forbidden')
    expect((await second.closed).code).toBe(4403)
    await server.live.revoke('ada')
    const worker = await openWireClient(server.url)
    worker.send({ ...hello, credential: null, subscriptions: [], outboxToken })
    expect((await worker.closed).code).toBe(4401)
    await expect(server.live.revoke('')).rejects.toMatchObject({ code: 'invalid-data' })
  })
})

describe('work on the wire', () => {
  it('[P10] [P15] acknowledges 10,000 messages of one client, each applied once and in order', async () => {
    let applied = 0
    const server = await start({
      onMessage: ({ n }) => {
        expect(n).toBe(++applied)
      },
    })
    const client = await open(server)
    const messages: NumberedMessage[] = Array.from({ length: 10_000 }, (_, at) => ({
      n: at + 1,
      id: freshId(),
      channel: 'a',
      data: { text: 'x'.repeat(100) },
    }))
    let sent = 0
    let acked = 0
    while (acked < messages.length) {
      for (; sent < messages.length && sent - acked < 1_024; sent += 250)
        client.send({ type: 'send', confirmed: acked, messages: messages.slice(sent, sent + 250) })
      const ack = await client.next('ack')
      expect(ack.id).toBe(messages[ack.stable - 1]?.id)
      acked = ack.stable
    }
    expect([applied, server.live.metrics().clients]).toEqual([10_000, 1])
  })

  it('[P25] [P30] replays 20,000 messages to a client that was away, without a hole', async () => {
    const server = await start({ history: { messages: 100_000, bytes: 2 ** 28 } })
    const first = await server.live.publish('agents', 0)
    for (let at = 1; at <= 20_000; at++) void server.live.publish('agents', 'x'.repeat(150))
    const client = await open(server, { subscriptions: agents(first) })
    expect(await client.next('subscribed')).toMatchObject({ verdict: 'recovered', missed: 20_000 })
    let last = first.offset
    while (last < 20_001) {
      const { messages } = await client.next('missed_messages')
      expect([messages[0]?.offset, messages.length <= 500]).toEqual([last + 1, true])
      last = messages.at(-1)?.offset ?? 0
    }
  })

  it('[P30] [I30] bounds what waits for a client that stops reading, and resets it when it reads again', async () => {
    const server = await start({ limits: { outboundBytes: 65_536 }, history: { messages: 10 } })
    const [slow, fast] = [await open(server, { subscriptions: agents() }), await open(server, { subscriptions: agents() })]
    await Promise.all([slow.next('subscribed'), fast.next('subscribed')])
    slow.socket.pause()
    const text = 'x'.repeat(100_000)
    for (let at = 1; at <= 150; at++) {
      await server.live.publish('agents', text)
      await fast.next('messages')
    }
    slow.socket.resume()
    await slow.next('reset')
    const { head } = await slow.next('subscribed')
    expect(head.offset).toBe(150)
    expect(slow.received.filter(({ type }) => type === 'messages').length).toBeLessThan(140)
  }, 30_000)

  it('[P33] [N6] [SD1] [SD2] closes gracefully: what was begun is acknowledged, 503 with Retry-After for newcomers, goodbye and 1012 for the rest', async () => {
    let settle = (): void => {}
    const server = await start({ onMessage: () => new Promise<void>((resolve) => (settle = resolve)) })
    const [client, idle] = [await open(server), await open(server)]
    client.send({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 1 }] })
    await expect.poll(() => server.live.metrics().totals['received']).toBe(1)
    expect(server.live.readiness()).toBe('ready')
    const closing = server.live.close({ drainMs: 2_000 })
    expect(server.live.readiness()).toBe('closing')
    expect(await upgradeStatus(server, {})).toBe(503)
    expect(await idle.next('goodbye')).toMatchObject({ retryMaxMs: 1_000 })
    expect((await idle.closed).code).toBe(1012)
    settle()
    expect(await client.next('ack')).toMatchObject({ hi: 1 })
    expect(await client.next('goodbye')).toMatchObject({ retryMaxMs: 1_000 })
    expect((await client.closed).code).toBe(1012)
    await closing
    expect([server.live.metrics().totals['applied'], server.live.readiness()]).toEqual([1, 'closed'])
    expect(await upgradeStatus(server, {})).toBe(503)
    expect(() => server.live.attach(server.http)).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  it('does not compress', async () => {
    const server = await start()
    const socket = new WebSocket(server.url)
    await once(socket, 'open')
    expect(socket.extensions).toBe('')
    socket.terminate()
  })
})
