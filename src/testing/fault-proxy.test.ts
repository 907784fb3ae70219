import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFaultProxy, type FaultProxy } from './fault-proxy.ts'

/** A socket that remembers what it received and why it closed. */
interface Peer {
  readonly socket: Socket
  readonly chunks: Buffer[]
  readonly events: string[]
  text(): string
  /** Resolved when the received text is as long as this. */
  received(length: number): Promise<string>
}

function watch(socket: Socket): Peer {
  const chunks: Buffer[] = []
  const events: string[] = []
  const text = (): string => Buffer.concat(chunks).toString('latin1')
  let length = 0
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    length += chunk.length
  })
  socket.on('end', () => events.push('end'))
  socket.on('error', (error) => events.push(Reflect.get(error, 'code')))
  socket.on('close', () => events.push('close'))
  const received = async (wanted: number): Promise<string> => {
    for (;;) {
      if (length >= wanted) return text()
      await once(socket, 'data')
    }
  }
  return { socket, chunks, events, text, received }
}

describe('fault proxy', () => {
  let server: Server
  let proxy: FaultProxy
  /** Server ends in the order of arrival. */
  let accepted: Peer[]
  const clients: Socket[] = []

  const listen = async (): Promise<Server> => {
    const listening = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => accepted.push(watch(socket)))
    await once(listening.listen(0, '127.0.0.1'), 'listening')
    return listening
  }
  const portOf = (listening: Server): number => Object(listening.address()).port

  beforeEach(async () => {
    accepted = []
    server = await listen()
    proxy = await createFaultProxy({ target: { host: '127.0.0.1', port: portOf(server) }, seed: 42 })
  })

  afterEach(async () => {
    await proxy.close()
    for (const socket of clients.splice(0)) socket.destroy()
    server.close()
    for (const { socket } of accepted) socket.destroy()
    await once(server, 'close')
  })

  const open = (): Peer => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    clients.push(socket)
    return watch(socket)
  }

  /** A client, and the server's end of its connection. */
  const pair = async (): Promise<{ client: Peer; peer: Peer }> => {
    const arrival = once(server, 'connection')
    const client = open()
    await Promise.all([arrival, once(client.socket, 'connect')])
    return { client, peer: accepted.at(-1)! }
  }

  const closed = async ({ socket }: Peer): Promise<void> => {
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  }

  it('bytes pass in both directions and are counted', async () => {
    const { client, peer } = await pair()
    client.socket.write('hello')
    expect(await peer.received(5)).toBe('hello')
    peer.socket.write('welcome')
    expect(await client.received(7)).toBe('welcome')
    expect(proxy.connections.map(({ number, open: isOpen, bytes }) => ({ number, isOpen, ...bytes }))).toEqual([
      { number: 1, isOpen: true, toServer: 5, toClient: 7 },
    ])
  })

  it('the end of a stream passes on in its direction alone', async () => {
    const { client, peer } = await pair()
    client.socket.end('last')
    await once(peer.socket, 'end')
    expect(peer.text()).toBe('last')
    peer.socket.end('answer')
    await closed(client)
    expect(client.text()).toBe('answer')
    await proxy.connections[0]?.closed
    expect(proxy.connections[0]?.open).toBe(false)
  })

  it('a connection that is reset in the very moment in which a stream ends is closed all the same', async () => {
    const { client } = await pair()
    await proxy.set({ kind: 'half-close', direction: 'toServer' })
    await new Promise((resolve) => process.nextTick(resolve))
    proxy.cutAll()
    await closed(client)
    await proxy.connections[0]?.closed
    expect(client.events).toEqual(['ECONNRESET', 'close'])
  })

  it('a reset at one end is a reset at the other', async () => {
    const { client, peer } = await pair()
    peer.socket.resetAndDestroy()
    await closed(client)
    expect(client.events).toEqual(['ECONNRESET', 'close'])
  })

  it('a server that cannot be reached is a reset', async () => {
    const gone = await listen()
    proxy.target = { host: '127.0.0.1', port: portOf(gone) }
    gone.close()
    await once(gone, 'close')
    const client = open()
    await closed(client)
    expect(client.events).toContain('ECONNRESET')
  })

  it('a server that came back on another port is reached after the target was changed', async () => {
    const second = await listen()
    proxy.target = { host: '127.0.0.1', port: portOf(second) }
    const arrival = once(second, 'connection')
    open()
    await arrival
    expect(accepted).toHaveLength(1)
    proxy.cutAll()
    second.close()
    await once(second, 'close')
  })

  it('refuse: connecting fails with ECONNREFUSED, open connections live on, and the port comes back', async () => {
    const { client, peer } = await pair()
    await proxy.set({ kind: 'refuse' })
    const refused = open()
    await closed(refused)
    expect(refused.events).toEqual(['ECONNREFUSED', 'close'])
    client.socket.write('still here')
    await peer.received(10)
    const { port } = proxy
    await proxy.set({ kind: 'pass' })
    expect(proxy.port).toBe(port)
    const again = await pair()
    again.client.socket.write('back')
    expect(await again.peer.received(4)).toBe('back')
  })

  it('refuse: a single connection cannot be refused', async () => {
    await expect(proxy.set({ kind: 'refuse', on: 2 })).rejects.toMatchObject({ code: 'invalid-option' })
  })

  it('reset: open connections and new ones get a TCP reset', async () => {
    const { client, peer } = await pair()
    await proxy.set({ kind: 'reset' })
    await Promise.all([closed(client), closed(peer)])
    expect([client.events, peer.events]).toEqual([
      ['ECONNRESET', 'close'],
      ['ECONNRESET', 'close'],
    ])
    const next = open()
    await closed(next)
    expect(next.events).toContain('ECONNRESET')
    expect(accepted).toHaveLength(1)
  })

  it('half-close: one direction ends, the other lives on', async () => {
    const { client, peer } = await pair()
    peer.socket.write('before')
    await client.received(6)
    const end = once(client.socket, 'end')
    await proxy.set({ kind: 'half-close', direction: 'toClient' })
    await end
    client.socket.write('after')
    expect(await peer.received(5)).toBe('after')
    expect([client.events, peer.events]).toEqual([['end'], []])
  })

  it('blackhole: nothing passes, sockets stay open, and what was held back arrives afterwards', async () => {
    const { client, peer } = await pair()
    await proxy.set({ kind: 'blackhole', direction: 'both' })
    const late = await pair()
    client.socket.write('up')
    peer.socket.write('down')
    late.client.socket.write('late')
    // A third connection that passes is the clock: what it echoes came after all of the above.
    await proxy.set({ kind: 'pass', on: 3 })
    const witness = await pair()
    for (let round = 0; round < 20; round++) {
      witness.client.socket.write('tick')
      await witness.peer.received(4 * (round + 1))
    }
    expect([peer.text(), client.text(), late.peer.text()]).toEqual(['', '', ''])
    expect([peer.events, client.events]).toEqual([[], []])
    await proxy.set({ kind: 'pass' })
    expect(await peer.received(2)).toBe('up')
    expect(await client.received(4)).toBe('down')
    expect(await late.peer.received(4)).toBe('late')
  })

  it('blackhole: one direction only', async () => {
    const { client, peer } = await pair()
    await proxy.set({ kind: 'blackhole', direction: 'toServer' })
    client.socket.write('lost')
    for (let round = 1; round <= 20; round++) {
      peer.socket.write('x')
      await client.received(round)
    }
    expect(peer.text()).toBe('')
  })

  it('delay: every byte arrives late, and in order', async () => {
    const { client, peer } = await pair()
    await proxy.set({ kind: 'delay', ms: 40, jitterMs: 20 })
    const startedAt = performance.now()
    const sent = Array.from({ length: 20 }, (_, at) => String.fromCodePoint(97 + at))
    for (const letter of sent) {
      client.socket.write(letter)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await peer.received(20)).toBe(sent.join(''))
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(39)
  })

  it('throttle: a stream takes as long as its bytes', async () => {
    const { client, peer } = await pair()
    await proxy.set({ kind: 'throttle', bytesPerSecond: 20_000 })
    const startedAt = performance.now()
    client.socket.write('z'.repeat(4_000))
    await peer.received(4_000)
    const elapsedMs = performance.now() - startedAt
    expect(elapsedMs).toBeGreaterThan(140)
    expect(peer.chunks.length).toBeGreaterThan(2)
  })

  it('slice: a message arrives in pieces', async () => {
    const { client, peer } = await pair()
    await proxy.set({ kind: 'slice', bytes: 1 })
    client.socket.write('sliced thin')
    expect(await peer.received(11)).toBe('sliced thin')
    expect(peer.chunks.length).toBeGreaterThan(5)
  })

  it('cut: exactly so many bytes arrive, then a reset at both ends', async () => {
    const { client, peer } = await pair()
    client.socket.write('1234')
    await peer.received(4)
    await proxy.set({ kind: 'cut', direction: 'toServer', afterBytes: 3 })
    peer.socket.write('other way')
    await client.received(9)
    client.socket.write('56789')
    // Node reports a reset that arrives together with bytes as an end.
    await Promise.all([closed(client), new Promise((resolve) => peer.socket.once('end', resolve).once('close', resolve))])
    expect(peer.text()).toBe('1234567')
    expect(client.events).toEqual(['ECONNRESET', 'close'])
  })

  it('cut: the same seed cuts at the same bytes, whatever the timing', async () => {
    const cuts = async (seed: number): Promise<number[]> => {
      const seeded = await createFaultProxy({ target: proxy.target, seed })
      await seeded.set({ kind: 'cut', direction: 'toServer', afterBytes: { min: 0, max: 5_000 } })
      for (let count = 0; count < 4; count++) {
        const socket = watch(connect(seeded.port, '127.0.0.1'))
        socket.socket.write('x'.repeat(5_001))
        await closed(socket)
      }
      await seeded.close()
      return seeded.connections.map(({ bytes }) => bytes.toServer)
    }
    const first = await cuts(5)
    expect(await cuts(5)).toEqual(first)
    expect(await cuts(6)).not.toEqual(first)
    expect(new Set(first).size).toBe(4)
  })

  it('answer: a captive portal answers in the place of the server', async () => {
    const before = await pair()
    const response = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<h1>Please log in</h1>'
    await proxy.set({ kind: 'answer', response })
    const client = open()
    client.socket.end('GET / HTTP/1.1\r\n\r\n')
    await closed(client)
    expect(client.text()).toBe(response)
    expect(accepted).toHaveLength(1)
    before.client.socket.write('mine')
    expect(await before.peer.received(4)).toBe('mine')
  })

  it('a rule is for open connections, for new ones, or for the nth', async () => {
    const first = await pair()
    await proxy.set({ kind: 'reset', on: 'new' })
    first.client.socket.write('ok')
    await first.peer.received(2)
    expect(proxy.mode).toEqual({ kind: 'reset' })
    await proxy.set({ kind: 'pass', on: 'new' })
    await proxy.set({ kind: 'reset', on: 3 })
    const second = await pair()
    const third = open()
    await closed(third)
    expect(third.events).toContain('ECONNRESET')
    await proxy.set({ kind: 'reset', on: 'existing' })
    await Promise.all([closed(first.client), closed(second.client)])
    const fourth = await pair()
    proxy.connections[3]?.set({ kind: 'reset' })
    await closed(fourth.client)
    expect(proxy.connections.map((connection) => connection.number)).toEqual([1, 2, 3, 4])
  })

  it('a sender is not read faster than the receiver reads', async () => {
    const { client, peer } = await pair()
    peer.socket.pause()
    const size = 32 * 2 ** 20
    let flushed = false
    client.socket.write(Buffer.alloc(size, 'b'), () => (flushed = true))
    // Until the proxy stands still: the same count twice, with many turns of the event loop between.
    for (let before = -1; before !== proxy.connections[0]?.bytes.toServer;) {
      before = proxy.connections[0]?.bytes.toServer ?? 0
      for (let turn = 0; turn < 2_000; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(flushed).toBe(false)
    expect(proxy.connections[0]?.bytes.toServer).toBeLessThan(size)
    peer.socket.resume()
    await peer.received(size)
    expect(proxy.connections[0]?.bytes.toServer).toBe(size)
  })

  it('waitForConnections is settled by the connection or by the deadline', async () => {
    await expect(proxy.waitForConnections(1, 5)).rejects.toThrow('0 of 1 connections')
    const waiting = proxy.waitForConnections(2, 5_000)
    open()
    open()
    expect(await waiting).toHaveLength(2)
    expect(await proxy.waitForConnections(1, 0)).toHaveLength(2)
  })

  it('url names the proxy', () => {
    expect(proxy.url('/live')).toBe(`ws://127.0.0.1:${proxy.port}/live`)
    expect(proxy.url('/', 'http')).toBe(`http://127.0.0.1:${proxy.port}/`)
  })

  it('close ends every connection under every fault, and nobody listens any more', async () => {
    const faults = [
      { kind: 'pass' },
      { kind: 'blackhole', direction: 'both' },
      { kind: 'delay', ms: 100_000 },
      { kind: 'throttle', bytesPerSecond: 1 },
    ] as const
    for (const fault of faults) {
      await proxy.set({ ...fault, on: 'new' })
      const { client } = await pair()
      client.socket.write('held')
    }
    await proxy.close()
    expect(proxy.connections.map((connection) => connection.open)).toEqual(faults.map(() => false))
    const refused = open()
    await closed(refused)
    expect(refused.events).toEqual(['ECONNREFUSED', 'close'])
  })
})
