import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect as connectHttp2, createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connect as connectTls, type PSKCallbackNegotation } from 'node:tls'
import { WebSocket } from 'ws'
import { afterEach, describe, expect, it } from 'vitest'
import type { HttpServer } from './http-paths.ts'
import { createLiveServer, type LiveServer } from './live-server.ts'
import type { LiveServerOptions } from './options.ts'
import { exchange, rawClient, upgrade, WEBSOCKET, type Answer } from './testing/raw-request.ts'
import type { LogEntry } from '../core/ports.ts'

const ends: (() => unknown)[] = []
const lines: LogEntry[] = []

afterEach(async () => {
  lines.length = 0
  for (const end of ends.splice(0).toReversed()) await end()
})

const liveServer = (options: LiveServerOptions = {}): LiveServer => {
  const live = createLiveServer({ log: (line) => lines.push(line), ...options })
  ends.push(() => live.close({ drainMs: 0 }))
  return live
}

async function listen(http: HttpServer): Promise<number> {
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  ends.push(() => {
    if ('closeAllConnections' in http) http.closeAllConnections()
    http.close()
  })
  return (http.address() as AddressInfo).port
}

const echo = (): Server =>
  createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.setHeader('X-Upgrade', String(request.headers.upgrade))
      response.end(`app ${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`)
    })
  })
const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']
const statusAt = async (port: number, path: string): Promise<number> => (await exchange(port, path, WEBSOCKET)).status
const told = (): unknown[] => lines.filter(({ event }) => event === 'refused').map(({ kind }) => kind)

describe('the path', () => {
  it.each([[['GET', '']], [['POST', 'a body']]])('[N2] answers a plain %s with 426, Upgrade and a sentence', async ([, body]) => {
    const http = echo()
    liveServer().attach(http)
    const answer = await exchange(await listen(http), '/live?x=1', [], body)
    expect(answer).toMatchObject({ status: 426, body: expect.stringContaining('address of a WebSocket') })
    expect(answer.head).toMatch(/^Upgrade: websocket$/im)
    expect(told()).toEqual([])
  })

  it('[N2] [N9] says which lines of nginx are missing when a WebSocket comes without its Upgrade', async () => {
    const http = echo()
    liveServer().attach(http)
    const answer = await exchange(await listen(http), '/live', ['Connection: close', ...WEBSOCKET.slice(2)])
    const line = expect.stringContaining('proxy_set_header Upgrade $http_upgrade;')
    expect(answer).toMatchObject({ status: 426, body: line })
    expect(lines).toContainEqual(expect.objectContaining({ event: 'refused', kind: 'upgrade', level: 'error', advice: line }))
  })

  it('[N2] answers an upgrade to another protocol, and one with 100-continue', async () => {
    const http = echo()
    http.on('checkContinue', (_request, response) => response.end('app'))
    liveServer().attach(http)
    const port = await listen(http)
    expect((await exchange(port, '/live', h2c)).status).toBe(426)
    expect((await exchange(port, '/live', ['Expect: 100-continue'], 'x')).status).toBe(426)
  })

  it('[N6] answers 503 once the server is closed, until it is detached', async () => {
    const http = echo()
    const live = liveServer()
    const detach = live.attach(http)
    const port = await listen(http)
    await live.close({ drainMs: 0 })
    const answers = [await exchange(port, '/live', WEBSOCKET), await exchange(port, '/live')]
    for (const answer of answers) expect(answer).toMatchObject({ status: 503, body: expect.stringContaining('closing') })
    expect(answers[0]?.head).toMatch(/^Retry-After: 1$/im)
    detach()
    expect(await exchange(port, '/live')).toMatchObject({ status: 200, body: 'app GET /live ' })
  })

  it('[N1] is still answered when somebody has removed all listeners', async () => {
    const http = echo()
    liveServer().attach(http)
    const port = await listen(http)
    http.removeAllListeners('upgrade')
    expect(await statusAt(port, '/live')).toBe(503)
    expect((await upgrade(port)).head).toContain('101')
  })
})

describe('everything else', () => {
  const untouched = async (answer: Promise<Answer>, text: string): Promise<void> => {
    const { status, head, body } = await answer
    expect([status, body]).toEqual([200, text])
    expect(head).toMatch(/^X-Upgrade: h2c$/im)
  }

  it('[N3] an upgrade to h2c is an ordinary request of the app, with its headers and its body', async () => {
    const http = echo()
    liveServer().attach(http)
    const port = await listen(http)
    await untouched(exchange(port, '/page', h2c), 'app GET /page ')
    await untouched(exchange(port, '/page?a=b', h2c, '{"a":1}'), 'app POST /page?a=b {"a":1}')
    expect((await upgrade(port)).head).toContain('101')
  })

  it('[N3] a large body, and a second request of the same connection, arrive as well', async () => {
    const http = echo()
    liveServer().attach(http)
    const port = await listen(http)
    const body = 'x'.repeat(1_000_000)
    await untouched(exchange(port, '/page', h2c, body), `app POST /page ${body}`)
    const { socket, heard } = await rawClient(port)
    for (const path of ['/one', '/two']) {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${h2c.join('\r\n')}\r\n\r\n`)
      await expect.poll(heard).toContain(`app GET ${path}`)
    }
    socket.write(`GET /three HTTP/1.1\r\nHost: a\r\n\r\n`)
    await expect.poll(heard).toContain('app GET /three')
    socket.destroy()
  })

  it('[N3] an upgrade that others listen for is left to them alone', async () => {
    const http = echo()
    http.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n'))
    liveServer().attach(http)
    const port = await listen(http)
    expect([await statusAt(port, '/tea'), (await exchange(port, '/tea', h2c)).status]).toEqual([418, 418])
  })

  it('[N4] [N9] an upgrade nobody takes is answered 404, and the log names the paths', async () => {
    const http = echo()
    liveServer().attach(http, { path: '/a' })
    liveServer().attach(http, { path: '/b' })
    const port = await listen(http)
    expect(await exchange(port, '/nowhere?token=SECRET', WEBSOCKET)).toMatchObject({ status: 404, body: expect.stringContaining('path') })
    expect(told()).toEqual(['path', 'path'])
    expect(lines.at(-1)).toMatchObject({ came: '/nowhere', expected: '/a /b' })
    expect(JSON.stringify(lines)).not.toContain('SECRET')
  })

  it('[N4] a request is answered where the HTTP server has no handler', async () => {
    const http = createServer()
    const detach = liveServer().attach(http)
    const port = await listen(http)
    for (const path of ['/', '/healthz'])
      expect(await exchange(port, path)).toMatchObject({ status: 404, body: expect.stringContaining('no request handler') })
    http.on('request', (_request, response) => response.end('late'))
    expect(await exchange(port, '/')).toMatchObject({ status: 200, body: 'late' })
    detach()
  })
})

describe('sharing', () => {
  it('[N5] several servers and several paths of one share an HTTP server', async () => {
    const http = echo()
    const [one, two] = [liveServer(), liveServer()]
    one.attach(http, { path: '/a' })
    const detach = one.attach(http, { path: '/b' })
    two.attach(http, { path: '/c' })
    const port = await listen(http)
    expect(await Promise.all(['/a', '/b', '/c'].map((path) => statusAt(port, path)))).toEqual([101, 101, 101])
    detach()
    expect(await Promise.all(['/a', '/b', '/c'].map((path) => statusAt(port, path)))).toEqual([101, 404, 101])
  })

  it('[N5] the last attach of a path has it, and says so in the log of the one before', async () => {
    const http = echo()
    const older = liveServer()
    const detach = older.attach(http)
    const newer = liveServer()
    newer.attach(http)
    const port = await listen(http)
    detach()
    expect(await statusAt(port, '/live')).toBe(101)
    expect([older.metrics().totals['accepted'], newer.metrics().totals['accepted']]).toEqual([undefined, 1])
    expect(lines).toContainEqual({ level: 'info', event: 'path_replaced', path: '/live' })
  })

  it('[N5] leaves no trace after detach, and none of 1,000 reloads', async () => {
    const http = echo()
    const port = await listen(http)
    const before = [Object.keys(http), http.eventNames(), http.emit]
    let live = liveServer()
    let detach = live.attach(http)
    const { emit } = http
    for (let at = 0; at < 1_000; at++) {
      const next = createLiveServer({ log: () => {} })
      if (at % 2 === 0) detach = next.attach(http)
      await live.close({ drainMs: 0 })
      if (at % 2 === 1) detach = next.attach(http)
      live = next
    }
    ends.push(() => live.close({ drainMs: 0 }))
    expect([http.listenerCount('upgrade'), http.emit]).toEqual([1, emit])
    expect(await statusAt(port, '/live')).toBe(101)
    detach()
    detach()
    expect([Object.keys(http), http.eventNames(), http.emit]).toEqual(before)
    expect(Object.hasOwn(http, 'emit')).toBe(false)
  })

  it('[N5] passes on what another has put around it, and is not put on twice', async () => {
    const http = echo()
    const live = liveServer()
    const mine = http.emit
    http.emit = function emit(this: Server, ...given: unknown[]): boolean {
      return Reflect.apply(mine, this, given) as boolean
    } as typeof http.emit
    const between = http.emit
    live.attach(http)()
    expect(http.emit).toBe(between)
    const detach = live.attach(http)
    const ours = http.emit
    let seen = 0
    http.emit = ((event: string, ...given: unknown[]) => {
      if (event === 'request') seen++
      return Reflect.apply(ours, http, [event, ...given]) as boolean
    }) as typeof http.emit
    const outer = http.emit
    detach()
    const port = await listen(http)
    expect(await exchange(port, '/live')).toMatchObject({ status: 200 })
    live.attach(http)
    expect(http.emit).toBe(outer)
    expect((await exchange(port, '/live')).status).toBe(426)
    expect(seen).toBe(2)
  })

  it('[N5] two copies of the package answer an unknown path once', async () => {
    const http = echo()
    // What another copy's listener looks like.
    const other = Object.assign(() => {}, { [Symbol.for('holdfast.upgrades')]: true })
    http.on('upgrade', other)
    liveServer().attach(http)
    const port = await listen(http)
    http.off('upgrade', other)
    http.on('upgrade', other)
    expect(await statusAt(port, '/nowhere')).toBe(404)
  })
})

describe('an HTTP/2 server', () => {
  // A key both sides know stands for a certificate.
  const psk = Buffer.alloc(32, 7)
  const ciphers = 'PSK-AES128-GCM-SHA256'
  const client = {
    host: '127.0.0.1',
    ciphers,
    maxVersion: 'TLSv1.2' as const,
    checkServerIdentity: () => undefined,
    pskCallback: (): PSKCallbackNegotation => ({ psk, identity: 'test' }),
  }

  it('[N7] with allowHTTP1 opens WebSockets over HTTP/1.1, answers HTTP/2 on the path, and keeps the rest', async () => {
    const http = createSecureServer({ allowHTTP1: true, ciphers, maxVersion: 'TLSv1.2', pskCallback: () => psk }, (request, response) => {
      response.end(`app ${request.httpVersion} ${request.url}`)
    })
    liveServer().attach(http)
    const port = await listen(http)
    const socket = new WebSocket(`wss://127.0.0.1:${port}/live`, { ...client, ALPNProtocols: ['http/1.1'] } as object)
    await once(socket, 'open')
    socket.terminate()
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ...client, ALPNProtocols: ['h2'] })
    ends.push(() => session.destroy())
    const get = async (path: string): Promise<string> => {
      const stream = session.request({ ':path': path }).setEncoding('utf8')
      let text = ''
      stream.on('response', (headers) => (text += `${headers[':status']} `))
      for await (const chunk of stream) text += chunk
      return text
    }
    expect(await get('/page')).toBe('200 app 2.0 /page')
    expect(await get('/live')).toContain('426 This is the address')
    const plain = connectTls({ ...client, port, ALPNProtocols: ['http/1.1'] })
    plain.write(`GET /page HTTP/1.1\r\nHost: a\r\n${h2c.join('\r\n')}\r\n\r\n`)
    const [answer] = (await once(plain, 'data')) as [Buffer]
    plain.destroy()
    expect(answer.toString()).toContain('HTTP/1.1 200')
  })

  it('[N7] without allowHTTP1 is refused, because no upgrade would ever come', () => {
    const http = createSecureServer({ ciphers, pskCallback: () => psk })
    expect(() => liveServer().attach(http)).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining('allowHTTP1') }),
    )
  })
})
