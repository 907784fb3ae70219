import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyWebSocket from '@fastify/websocket'
import { createAdaptorServer } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import crossws from 'crossws/adapters/node'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { WebSocketServer } from 'ws'
import { afterEach, describe, expect, it } from 'vitest'
import { acceptSocket } from './accept-socket.ts'
import { createLiveServer, type LiveServer } from './live-server.ts'
import type { LiveServerOptions } from './options.ts'
import { helloOf } from './testing/attack-contract.ts'
import { fakeServer, freshId } from './testing/fake-peer.ts'
import { clientFrame } from './testing/raw-peer.ts'
import { upgrade } from './testing/raw-request.ts'
import { openWireClient } from '../testing/wire-client.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** Something that upgrades by itself and gives the live server its sockets; resolves with its port. */
type Host = (live: LiveServer) => Promise<number>

async function listen(http: ReturnType<typeof createServer>): Promise<number> {
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  ends.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return (http.address() as AddressInfo).port
}

const wsHost: Host = (live) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => live.accept(socket, request))
  return listen(server)
}

const hosts: readonly (readonly [string, Host])[] = [
  ['ws', wsHost],
  [
    'crossws',
    (live) => {
      const server = createServer()
      const sockets = crossws({ hooks: { open: (peer) => live.accept(peer, peer.request) } })
      server.on('upgrade', (request, socket, head) => void sockets.handleUpgrade(request, socket, head))
      return listen(server)
    },
  ],
  [
    'Hono',
    (live) => {
      const app = new Hono<{ Bindings: { incoming: { socket: { remoteAddress?: string } } } }>()
      const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app })
      app.get(
        '/live',
        upgradeWebSocket((context) => ({ onOpen: (_event, socket) => live.accept(socket, context.req.raw) })),
      )
      const server = createAdaptorServer({ fetch: app.fetch }) as ReturnType<typeof createServer>
      injectWebSocket(server)
      return listen(server)
    },
  ],
  [
    'Fastify',
    async (live) => {
      const app = Fastify()
      await app.register(fastifyWebSocket)
      app.get('/live', { websocket: true }, (socket, request) => live.accept(socket, request))
      await app.listen({ port: 0, host: '127.0.0.1' })
      ends.push(() => app.close())
      return (app.server.address() as AddressInfo).port
    },
  ],
]

function start(options: LiveServerOptions = {}): LiveServer {
  const live = createLiveServer({ log: () => {}, authorize: () => true, ...options })
  ends.push(() => live.close({ drainMs: 0 }))
  return live
}

describe.each(hosts)('[N8] a WebSocket of %s', (_name, host) => {
  it('is a connection like any other', async () => {
    const seen: unknown[] = []
    const live = start({
      authenticate: ({ request }) => (seen.push([request.origin, request.headers['x-tag']]), { user: 'ada' }),
      onMessage: ({ data }) => data,
    })
    const port = await host(live)
    const headers = { 'x-tag': 'yes', origin: `http://127.0.0.1:${port}` }
    const client = await openWireClient(`ws://127.0.0.1:${port}/live`, { headers })
    const subscriptions = [{ sub: 1, channel: 'agents', cursor: null }]
    client.send(helloOf({ user: 'ada', credential: 'key', subscriptions }))
    await client.next('subscribed')
    expect(seen).toEqual([[headers.origin, 'yes']])
    const text = 'x'.repeat(200_000)
    for (let at = 0; at < 10; at++) await live.publish('agents', text)
    await client.until((message) => JSON.stringify(message).includes('"offset":10'))
    client.send({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 'up' }] })
    expect(await client.next('ack')).toMatchObject({ outcomes: [{ reply: 'up' }] })
    expect(live.metrics().sockets).toBe(1)
    await client.close()
    await expect.poll(() => live.metrics().sockets).toBe(0)
  })

  it('of a strange origin is closed with 4403, and one too many with 1001', async () => {
    const live = start({ allowedOrigins: ['https://app.example.com'], sessions: { max: 1 } })
    const port = await host(live)
    const open = (origin: string) => openWireClient(`ws://127.0.0.1:${port}/live`, { headers: { origin } })
    expect((await (await open('https://evil.example')).closed).code).toBe(4403)
    const client = await open('https://app.example.com')
    expect((await (await open('https://app.example.com')).closed).code).toBe(1001)
    await client.close()
    await expect.poll(() => live.metrics().sockets).toBe(0)
    const next = await open('https://app.example.com')
    next.send(helloOf())
    await next.next('session_init')
  })

  it('that may not come in ends no process, whatever it sends after that', async () => {
    const unheard: unknown[] = []
    const note = (error: unknown): unknown => unheard.push(error)
    process.on('uncaughtException', note)
    ends.push(() => process.off('uncaughtException', note))
    const live = start({ allowedOrigins: ['https://app.example.com'] })
    const { client } = await upgrade(await host(live), 'Origin: https://evil.example')
    client.socket.write(clientFrame(0xff))
    await client.gone
    expect(unheard).toEqual([])
    // What it broke after it was refused is nobody's concern.
    expect(live.metrics().totals).toEqual({ 'refused.origin': 1 })
  })

  it('is closed for what is no text, and for a frame that is too large', async () => {
    const live = start({ limits: { frameBytes: 16_384, messageBytes: 1_024 } })
    const port = await host(live)
    const binary = await openWireClient(`ws://127.0.0.1:${port}/live`)
    binary.socket.send(Buffer.from([1]))
    expect((await binary.closed).code).toBe(1003)
    const large = await openWireClient(`ws://127.0.0.1:${port}/live`)
    large.sendText('ä'.repeat(8_193))
    expect((await large.closed).code).toBe(1009)
    expect(live.metrics().totals).toMatchObject({ 'closes.binary': 1, 'closes.tooLarge': 1 })
  })

  it('hears of the end of the server', async () => {
    const live = start()
    const port = await host(live)
    const client = await openWireClient(`ws://127.0.0.1:${port}/live`)
    client.send(helloOf())
    await client.next('session_init')
    await live.close({ drainMs: 0 })
    expect((await client.closed).code).toBe(1012)
    expect((await (await openWireClient(`ws://127.0.0.1:${port}/live`)).closed).code).toBe(1001)
  })
})

/** A WebSocket without a network. */
class FakeWebSocket {
  readyState = 1
  bufferedAmount = 0
  isStalled = false
  readonly done: string[] = []
  #frames = 0
  readonly #listeners = new Map<string, (event: { readonly data: unknown }) => void>()

  send(text: string): void {
    this.done.push(text)
    const report = `=${++this.#frames}`
    queueMicrotask(() => this.tell('message', report))
    if (this.isStalled) this.bufferedAmount += text.length
  }
  close(code: number): void {
    this.done.push(`close ${code}`)
  }
  terminate(): void {
    this.done.push('cut')
  }
  addEventListener(type: string, listener: (event: { readonly data: unknown }) => void): void {
    this.#listeners.set(type, listener)
  }
  on(event: 'ping' | 'pong', listener: () => void): void {
    this.#listeners.set(event, listener)
  }
  tell(type: string, data?: unknown): void {
    this.#listeners.get(type)?.({ data })
  }
}

describe('a WebSocket of an unknown library', () => {
  it('[N8] is written to again when it has caught up, which nobody tells', async () => {
    const { core, clock } = fakeServer({ limits: { outboundBytes: 65_536 } })
    const socket = new FakeWebSocket()
    acceptSocket(core, socket, { headers: new Headers() })
    socket.tell('message', JSON.stringify(helloOf({ subscriptions: [{ sub: 1, channel: 'agents', cursor: null }] })))
    await clock.pass(0)
    socket.isStalled = true
    for (let at = 0; at < 10; at++) {
      await core.publish('agents', 'x'.repeat(10_000))
      await clock.pass(100)
    }
    const sent = socket.done.length
    expect(socket.done.at(-1)).not.toContain('"offset":10')
    socket.isStalled = false
    socket.bufferedAmount = 0
    await clock.pass(100)
    expect(socket.done.length).toBeGreaterThan(sent)
    expect(socket.done.at(-1)).toContain('"offset":10')
  })

  it('[N8] is cut when it does not answer a close, and its place is given back', async () => {
    const { core, clock } = fakeServer({ sessions: { max: 1 }, limits: { helloMs: 1_000 } })
    const socket = new FakeWebSocket()
    acceptSocket(core, socket, { headers: {} })
    await clock.pass(1_500)
    expect(socket.done).toEqual(['close 4408'])
    const second = new FakeWebSocket()
    acceptSocket(core, second, { headers: {} })
    expect(second.done).toEqual(['close 1001'])
    await clock.pass(5_000)
    expect(socket.done).toEqual(['close 4408', 'cut'])
    const third = new FakeWebSocket()
    acceptSocket(core, third, { headers: {} })
    third.tell('message', JSON.stringify(helloOf()))
    await clock.pass(0)
    expect(third.done[0]).toContain('session_init')
  })

  it('[N8] [TB19] accept refuses a socket that was given before, to this server or another', async () => {
    const socket = new FakeWebSocket()
    start().accept(socket, { headers: {} })
    for (const live of [start(), start()])
      expect(() => live.accept(socket, { headers: {} })).toThrow(
        expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining('socket was given to accept before') }),
      )
    expect(socket.done).toEqual([])
  })

  it('[N8] is not cut when it has ended in time', async () => {
    const { core, clock } = fakeServer({ limits: { helloMs: 1_000 } })
    const socket = new FakeWebSocket()
    acceptSocket(core, socket, { headers: {} })
    await clock.pass(1_500)
    socket.tell('close')
    await clock.pass(60_000)
    expect(socket.done).toEqual(['close 4408'])
  })

  it('[N8] is not read any more after a frame that was too large', async () => {
    const { core, clock } = fakeServer({ limits: { frameBytes: 16_384, messageBytes: 1_024 } })
    const socket = new FakeWebSocket()
    acceptSocket(core, socket, { headers: {} })
    socket.tell('message', 'x'.repeat(16_385))
    socket.tell('message', JSON.stringify(helloOf()))
    await clock.pass(0)
    expect(socket.done).toEqual(['close 1009'])
  })

  it.each(['ping', 'pong'])('[N8] [P31] lives as long as it tells of a %s', async (type) => {
    const { core, clock } = fakeServer()
    const socket = new FakeWebSocket()
    acceptSocket(core, socket, { headers: {} })
    socket.tell('message', JSON.stringify(helloOf()))
    for (let times = 0; times < 10; times++) {
      await clock.pass(20_000)
      socket.tell(type)
    }
    expect(socket.done.join()).not.toContain('close')
    await clock.pass(60_000)
    expect(socket.done.slice(-2)).toEqual(['close 1001', 'cut'])
  })

  it.each([
    ['socket must have send', {}, { headers: {} }],
    ['socket must have send', null, { headers: {} }],
    ['request must be the request', new FakeWebSocket(), {}],
    ['request must be the request', new FakeWebSocket(), undefined],
  ])('[N8] [TB19] accept refuses what it cannot use: %s', (message, socket, request) => {
    expect(() => start().accept(socket as never, request as never)).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(message) }),
    )
  })
})
