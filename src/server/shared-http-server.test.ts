import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { createLiveServer, type LiveServer } from './live-server.ts'
import { exchange, WEBSOCKET } from './testing/raw-request.ts'
import type { LogEntry } from '../core/ports.ts'

const ends: (() => unknown)[] = []
const lines: LogEntry[] = []

afterEach(async () => {
  lines.length = 0
  for (const end of ends.splice(0).toReversed()) await end()
})

function liveServer(): LiveServer {
  const live = createLiveServer({ log: (line) => lines.push(line) })
  ends.push(() => live.close({ drainMs: 0 }))
  return live
}

async function listen(http: Server): Promise<number> {
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  ends.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return (http.address() as AddressInfo).port
}

describe('an HTTP server that a live server shares with an app', () => {
  it('[N5] is as it was after detach, though somebody has put an emit of their own on it since', () => {
    const http = createServer()
    const detach = liveServer().attach(http)
    const { emit } = http
    http.emit = ((...given: Parameters<typeof emit>) => emit.apply(http, given)) as typeof emit
    detach()
    // Nobody hears a request here, and no live server speaks for nobody any more.
    expect(http.emit('request', { url: '/' } as IncomingMessage, {} as ServerResponse)).toBe(false)
  })

  it('[N2] answers its path whatever a request expects', async () => {
    const http = createServer()
    http.on('checkExpectation', (_request, response: ServerResponse) => response.end('app'))
    liveServer().attach(http)
    const port = await listen(http)
    expect((await exchange(port, '/live', ['Expect: a miracle'])).status).toBe(426)
    expect((await exchange(port, '/', ['Expect: a miracle'])).body).toBe('app')
  })

  it('[N5] leaves an unknown path to the copy of the package that came first', async () => {
    const http = createServer()
    const other = (_request: IncomingMessage, socket: Duplex): unknown => socket.end('HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n')
    http.on('upgrade', Object.assign(other, { [Symbol.for('holdfast.upgrades')]: true }))
    const live = liveServer()
    live.attach(http)
    expect((await exchange(await listen(http), '/nowhere', WEBSOCKET)).status).toBe(410)
    expect(live.metrics().totals).toEqual({})
  })

  it('[N3] hands on an upgrade to h2c with the bytes of its headers', async () => {
    const http = createServer((request, response) => response.end(request.headers['x-name']))
    liveServer().attach(http)
    const port = await listen(http)
    const plain = await exchange(port, '/page', ['X-Name: Zoë'])
    const handedOn = await exchange(port, '/page', ['X-Name: Zoë', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'])
    expect(plain.body).not.toBe('')
    expect([handedOn.status, handedOn.body]).toEqual([200, plain.body])
  })

  it('[N5] [N6] a server that closes is told nothing of who takes its path over', async () => {
    const http = createServer()
    const [older, newer] = [liveServer(), liveServer()]
    older.attach(http)
    await older.close({ drainMs: 0 })
    newer.attach(http)
    expect(lines.map(({ event }) => event)).not.toContain('path_replaced')
  })
})
