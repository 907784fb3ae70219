import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyWebSocket from '@fastify/websocket'
import { createAdaptorServer } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { Server as SocketServer } from 'socket.io'
import { io } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import { afterEach, describe, expect, it } from 'vitest'
import { createLiveServer } from './live-server.ts'
import { helloOf } from './testing/attack-contract.ts'
import { freshId } from './testing/fake-peer.ts'
import { exchange, WEBSOCKET } from './testing/raw-request.ts'
import { openWireClient } from '../testing/wire-client.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** Another user of the HTTP server: comes to it, and is asked whether it works. */
interface Neighbour {
  readonly server: () => Promise<Server>
  readonly join: (http: Server) => Promise<void> | void
  readonly works: (port: number) => Promise<unknown>
}

const page = (): Promise<Server> => Promise.resolve(createServer((_request, response) => response.end('page')))
/** What a WebSocket of the neighbour's says back. */
const echoOf = async (port: number, path: string): Promise<string> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  await once(socket, 'open')
  socket.send('hello')
  const [data] = (await once(socket, 'message')) as [Buffer]
  socket.terminate()
  return data.toString()
}

const neighbours: Record<string, () => Neighbour> = {
  'a WebSocketServer of ws': () => ({
    server: page,
    join(server) {
      const other = new WebSocketServer({ server, path: '/other' })
      other.on('connection', (socket) => socket.on('message', (data) => socket.send(data, { binary: false })))
      ends.push(() => other.close())
    },
    works: (port) => echoOf(port, '/other').then((text) => expect(text).toBe('hello')),
  }),
  'Socket.IO': () => ({
    server: page,
    join(server) {
      const sockets = new SocketServer(server, { destroyUpgradeTimeout: 1 })
      sockets.on('connection', (socket) => socket.on('echo', (text, answer: (text: unknown) => void) => answer(text)))
      ends.push(() => sockets.close())
    },
    async works(port) {
      const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false })
      ends.push(() => client.close())
      expect(await client.timeout(5_000).emitWithAck('echo', 'hello')).toBe('hello')
    },
  }),
  'a handler that ends every upgrade that is not its own, as Next does': () => ({
    server: page,
    join(server) {
      server.on('upgrade', (request, socket) => {
        if (request.url !== '/_next/hmr') socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
        else socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n')
      })
    },
    works: (port) => exchange(port, '/_next/hmr', WEBSOCKET).then(({ status }) => expect(status).toBe(418)),
  }),
  '@fastify/websocket': () => {
    const app = Fastify()
    return {
      server: () => Promise.resolve(app.server),
      async join() {
        await app.register(fastifyWebSocket)
        app.get('/', () => 'page')
        app.get('/other', { websocket: true }, (socket) => {
          socket.on('message', (data: Buffer) => socket.send(data.toString()))
        })
        await app.ready()
        ends.push(() => app.close())
      },
      works: (port) => echoOf(port, '/other').then((text) => expect(text).toBe('hello')),
    }
  },
  '@hono/node-ws': () => {
    const app = new Hono()
    const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app })
    app.get('/', (context) => context.text('page'))
    app.get(
      '/other',
      upgradeWebSocket(() => ({ onMessage: ({ data }, socket) => socket.send(data as string) })),
    )
    return {
      server: () => Promise.resolve(createAdaptorServer({ fetch: app.fetch }) as Server),
      join: (http) => injectWebSocket(http),
      works: (port) => echoOf(port, '/other').then((text) => expect(text).toBe('hello')),
    }
  },
  'another live server': () => ({
    server: page,
    join(http) {
      const live = createLiveServer()
      live.attach(http, { path: '/other' })
      ends.push(() => live.close({ drainMs: 0 }))
    },
    works: (port) => exchange(port, '/other', WEBSOCKET).then(({ status }) => expect(status).toBe(101)),
  }),
}

describe.each(Object.entries(neighbours))('[N1] [N3] beside %s', (_name, make) => {
  it.each(['before', 'after'])('which came %s it, a live server has its sockets to itself, and the other works', async (order) => {
    const neighbour = make()
    const http = await neighbour.server()
    const live = createLiveServer({ onMessage: ({ data }) => data })
    ends.push(() => live.close({ drainMs: 0 }))
    if (order === 'before') await neighbour.join(http)
    live.attach(http)
    if (order === 'after') await neighbour.join(http)
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    ends.push(() => {
      http.closeAllConnections()
      http.close()
    })
    const { port } = http.address() as AddressInfo
    const client = await openWireClient(`ws://127.0.0.1:${port}/live`)
    client.send(helloOf())
    await client.next('session_init')
    await neighbour.works(port)
    // By then whoever ends what nobody seems to have taken has done so.
    await once(httpRequest({ port, host: '127.0.0.1', path: '/' }).end(), 'response')
    client.send({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 'still here' }] })
    expect(await client.next('ack')).toMatchObject({ outcomes: [{ reply: 'still here' }] })
    expect(await exchange(port, '/')).toMatchObject({ status: 200, body: 'page' })
    expect((await exchange(port, '/live')).status).toBe(426)
    client.socket.terminate()
  })
})
