import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { KeyedRate } from './keyed-rate.ts'
import type { LiveServerOptions } from './options.ts'
import { fakeServer } from './testing/fake-peer.ts'
import { rawClient, upgrade, UPGRADE } from './testing/raw-request.ts'
import { startWireServer, type WireServer } from './testing/wire-server.ts'

const ends: (() => unknown)[] = []

async function start(options: LiveServerOptions = {}): Promise<WireServer> {
  const server = await startWireServer(options)
  ends.push(server.stop)
  return server
}

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const addressOf: NonNullable<LiveServerOptions['addressOf']> = ({ headers }) => {
  const given = headers['x-address']
  return typeof given === 'string' ? given : undefined
}
const statusOf = async (port: number, ...headers: string[]): Promise<string> => (await upgrade(port, ...headers)).head.slice(9, 12)

describe('the gate', () => {
  it('(HS12) (SEC12) [P35] [I30] refuses with 429 the sockets of an address that has too many, and lets everybody else in', async () => {
    const { port, live } = await start({ addressOf, limits: { addressSockets: 2 } })
    const first = await upgrade(port, 'X-Address: a')
    expect([await statusOf(port, 'X-Address: a'), await statusOf(port, 'X-Address: b'), await statusOf(port)]).toEqual([
      '101',
      '101',
      '101',
    ])
    const { head, client } = await upgrade(port, 'X-Address: a')
    expect(head).toContain('429 Too Many Requests')
    expect(head).toContain('Retry-After: 10')
    await client.gone
    expect(live.metrics()).toMatchObject({ sockets: 4, totals: { 'refused.address': 1 } })
    first.client.socket.destroy()
    await expect.poll(() => statusOf(port, 'X-Address: a')).toBe('101')
  })

  it('(HS12) (SEC12) [P35] [I30] refuses with 429 an address that opens sockets too fast, until its minute has refilled', () => {
    const { core, clock } = fakeServer({ addressOf, limits: { addressSocketsPerMinute: 60 } })
    const from = (address: string): object | undefined => {
      const passage = core.gate.enter({ headers: { 'x-address': address }, origin: undefined, remoteAddress: undefined })
      if (passage.isAllowed) passage.leave()
      return passage.isAllowed ? undefined : passage
    }
    const storm = Array.from({ length: 100 }, () => from('a'))
    expect(storm.filter((refused) => refused === undefined)).toHaveLength(60)
    expect(storm.at(-1)).toMatchObject({ isAllowed: false, status: 429, retryAfterSeconds: 1 })
    expect(from('b')).toBeUndefined()
    expect(core.metrics().totals['refused.address']).toBe(40)
    return clock.pass(1_000).then(() => expect([from('a'), from('a')]).toEqual([undefined, storm.at(-1)]))
  })

  it('[P35] [I24] [I30] remembers an address no longer than its sockets and its rate need, and never more than 100,000', async () => {
    const { core, clock } = fakeServer({ addressOf })
    const passage = core.gate.enter({ headers: { 'x-address': 'a' }, origin: undefined, remoteAddress: undefined })
    if (passage.isAllowed) passage.leave()
    expect(core.metrics().addresses).toBe(1)
    await clock.pass(120_000)
    expect(core.metrics().addresses).toBe(0)
    const dropped: string[] = []
    const rate = new KeyedRate(60, (name) => dropped.push(name))
    for (let key = 0; key < 100_002; key++) rate.take(String(key), 0)
    expect([rate.size, dropped]).toEqual([100_000, ['dropped.rates', 'dropped.rates']])
    rate.sweep(500)
    expect(rate.size).toBe(100_000)
    rate.sweep(1_000)
    expect(rate.size).toBe(0)
  })

  it('refuses with 503 when the app cannot tell the address', async () => {
    const { port } = await start({
      addressOf: () => {
        throw new Error('no')
      },
    })
    expect(await statusOf(port)).toBe('503')
  })

  it.each([5, null, {}, true])('[P35] [N9] refuses with 503, and a line, when the app gives %j for an address', async (address) => {
    const logs: unknown[] = []
    const { port } = await start({ addressOf: () => address as never, log: (entry) => logs.push(entry) })
    expect(await statusOf(port)).toBe('503')
    expect(logs.slice(-2)).toMatchObject([
      { level: 'error', event: 'address_failed', error: 'HoldfastError invalid-option' },
      { event: 'refused', kind: 'address-unknown', option: 'addressOf' },
    ])
  })

  it('(HS12) (SEC12) [P35] [I30] refuses with 503 while too many sockets wait for their hello', async () => {
    const { port, live } = await start({ limits: { waitingSockets: 2, helloMs: 100 } })
    expect([await statusOf(port), await statusOf(port)]).toEqual(['101', '101'])
    const { head } = await upgrade(port)
    expect(head).toContain('503 Service Unavailable')
    expect(head).toContain('Retry-After: 1')
    expect(live.metrics().totals['refused.waiting']).toBe(1)
    await expect.poll(() => statusOf(port)).toBe('101')
  })

  it('(SEC12) [I30] counts a socket until it is really gone, also one that was closed and stays', async () => {
    const { port, live } = await start({ sessions: { max: 1 } })
    const { client } = await upgrade(port)
    // A masked frame that is no message: closed with 4400, but this client does not answer the close.
    client.socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))
    await expect.poll(() => live.metrics().totals['closes.badMessage']).toBe(1)
    expect(live.metrics().sockets).toBe(0)
    expect(await statusOf(port)).toBe('503')
    client.socket.destroy()
    await expect.poll(() => statusOf(port)).toBe('101')
  })

  it.each<[string, (socket: Socket) => void]>([
    ['its half of the connection', (socket) => socket.end()],
    ['a cut', (socket) => socket.destroy()],
    ['a reset', (socket) => socket.resetAndDestroy()],
  ])('(SEC12) [I30] has the place of a socket back once, when it ends with %s', async (_, end) => {
    const { port } = await start({ sessions: { max: 1 } })
    const { client } = await upgrade(port)
    end(client.socket)
    await expect.poll(() => statusOf(port)).toBe('101')
    expect(await statusOf(port)).toBe('503')
  })

  it('(SEC10) [I30] cuts a socket 5 s after it was closed, when its client does not answer', async () => {
    const { port, live } = await start()
    const { client } = await upgrade(port)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    ends.unshift(() => vi.useRealTimers())
    client.socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))
    while (live.metrics().totals['closes.badMessage'] === undefined) await new Promise(setImmediate)
    vi.advanceTimersByTime(4_999)
    await new Promise(setImmediate)
    expect(client.socket.closed).toBe(false)
    vi.advanceTimersByTime(1)
    await client.gone
  })

  it('(SEC12) [I30] has the place of a socket back when its upgrade fails after the gate', async () => {
    const { port } = await start({ sessions: { max: 1 } })
    expect(await statusOf(port, 'Sec-WebSocket-Protocol: ,')).toBe('400')
    await expect.poll(() => statusOf(port)).toBe('101')
  })

  it('(SEC12) [I30] keeps no socket that it refused, though its client does not close its half', async () => {
    const { port, http } = await start({ allowedOrigins: ['https://app.example.com'] })
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    ends.unshift(() => socket.destroy())
    socket.resume().write(`${[...UPGRADE, 'Origin: https://evil.example'].join('\r\n')}\r\n\r\n`)
    await once(socket, 'end')
    await expect.poll(() => new Promise((resolve) => void http.getConnections((_, count) => resolve(count)))).toBe(0)
  })
})

describe('the HTTP server of the app', () => {
  it.each<[headersTimeout: number, requestTimeout: number, told: boolean]>([
    [10_000, 15_000, false],
    [10_001, 15_000, true],
    [10_000, 15_001, true],
    [0, 15_000, true],
    [10_000, 0, true],
  ])('(SEC12) is told of when it gives a request long or for ever: %i ms for its head, %i ms for all of it', async (headers, all, told) => {
    const lines: unknown[] = []
    const { live } = await start({ log: (line) => lines.push(line) })
    const before = lines.length
    const http = createServer()
    Object.assign(http, { headersTimeout: headers, requestTimeout: all })
    live.attach(http)
    expect(lines.length - before).toBe(told ? 1 : 0)
  })

  it('(HS6) (SEC12) (SEC14) with the recommended timeouts drops slow and huge headers, and others notice nothing', async () => {
    const lines: unknown[] = []
    const { live } = await start({ log: (line) => lines.push(line) })
    const http = createServer({ headersTimeout: 300, requestTimeout: 400, connectionsCheckingInterval: 50 })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    ends.unshift(() => {
      http.closeAllConnections()
      http.close()
    })
    live.attach(http)
    const address = http.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const slow = await rawClient(port)
    slow.socket.write(`${UPGRADE.join('\r\n')}\r\n`)
    const trickle = setInterval(() => slow.socket.write('X-Slow: 1\r\n'), 30)
    const huge = await rawClient(port)
    huge.socket.write(`${UPGRADE.join('\r\n')}\r\n${'X-Many: 1234567890\r\n'.repeat(3_000)}\r\n`)
    await Promise.all([slow.gone, huge.gone])
    clearInterval(trickle)
    expect([slow.heard().slice(9, 12), huge.heard().slice(9, 12)]).toEqual(['408', '431'])
    expect(await statusOf(port)).toBe('101')
    expect(lines).toEqual([expect.objectContaining({ event: 'http_timeouts_long', headersTimeout: 60_000 })])
  })

  it('(SEC14) [I29] lives on when sockets are cut in the middle of an upgrade, a refusal or a frame', async () => {
    const { port, live } = await start({ allowedOrigins: ['https://app.example.com'] })
    const refused = await rawClient(port)
    refused.socket.write(`${[...UPGRADE, 'Origin: https://evil.example'].join('\r\n')}\r\n\r\n`)
    refused.socket.resetAndDestroy()
    const half = await rawClient(port)
    half.socket.write(UPGRADE.join('\r\n'))
    half.socket.resetAndDestroy()
    const { client } = await upgrade(port)
    client.socket.write(Buffer.from([0x81, 0xfe, 0x40, 0x00, 1, 2, 3, 4, 5]))
    client.socket.resetAndDestroy()
    await expect.poll(() => live.metrics().sockets).toBe(0)
    expect(await statusOf(port)).toBe('101')
    const plain = connect(port, '127.0.0.1')
    await once(plain, 'connect')
    plain.destroy()
  })
})
