import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { attackServer } from './testing/attack-contract.ts'
import { clientFrame, RawPeer } from './testing/raw-peer.ts'

const FIN = 0x80
const TEXT = 0x01
const BINARY = 0x02
const CLOSE = 0x08
const PING = 0x09
const PONG = 0x0a
const CONTINUATION = 0x00

const closing = (code: number, reason: Buffer | string = ''): Buffer =>
  clientFrame(FIN | CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]))

const pieces = (count: number, text: string): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => clientFrame(at === 0 ? TEXT : CONTINUATION, text)))

describe('a frame', () => {
  const server = attackServer({ limits: { frameBytes: 16_384, messageBytes: 8_192 } })

  it.each<[string, Buffer, number]>([
    ['(F1) that is not masked closes 1002 [I29]', Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ['(F2) with all reserved bits closes 1002 [I29]', clientFrame(0xf1, '{}'), 1002],
    ['(F2) with the second reserved bit closes 1002 [I29]', clientFrame(FIN | 0x20 | TEXT, '{}'), 1002],
    ['(F2) with the third reserved bit closes 1002 [I29]', clientFrame(FIN | 0x10 | TEXT, '{}'), 1002],
    ['(F2) with an opcode nobody knows closes 1002 [I29]', clientFrame(FIN | 0x03), 1002],
    ['(F2) with a control opcode nobody knows closes 1002 [I29]', clientFrame(FIN | 0x0b), 1002],
    ['(F2) that continues nothing closes 1002 [I29]', clientFrame(FIN | CONTINUATION, 'x'), 1002],
    [
      '(F2) that begins a message within another closes 1002 [I29]',
      Buffer.concat([clientFrame(TEXT, '{'), clientFrame(FIN | TEXT, '}')]),
      1002,
    ],
    ['(F3) of a ping with 126 bytes closes 1002 [I29]', clientFrame(FIN | PING, 'x'.repeat(126)), 1002],
    ['(F3) of a ping in fragments closes 1002 [I29]', clientFrame(PING), 1002],
    ['(F4) with a payload length of 2^63 closes 1009 [I29]', Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ['(F4) with a payload length of 2^53 closes 1009 [I29]', Buffer.from([0x81, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    [
      '(F4) that announces one byte too many closes 1009 before the bytes come [I29]',
      clientFrame(FIN | TEXT, 'x'.repeat(16_385)).subarray(0, 8),
      1009,
    ],
    ['(F6) over the limit in one piece closes 1009 [P2] [I30]', clientFrame(FIN | TEXT, 'x'.repeat(18_000)), 1009],
    ['(F6) over the limit in fragments closes 1009 [P2] [I30]', pieces(3, 'x'.repeat(8_000)), 1009],
    ['(F7) (SEC10) in 65 fragments closes 1008 [I30]', pieces(65, 'x'), 1008],
    ['(F7) in 65 empty fragments closes 1008 [I30]', pieces(65, ''), 1008],
    ['(F8) that is compressed though nothing was agreed closes 1002 [I29]', clientFrame(FIN | 0x40 | TEXT, 'a'), 1002],
    ['(F11) of a close with code 999 closes 1002 [I29]', closing(999), 1002],
    ['(F11) of a close with code 1005 closes 1002 [I29]', closing(1005), 1002],
    ['(F11) of a close with code 1015 closes 1002 [I29]', closing(1015), 1002],
    ['(F11) of a close with a reason of 126 bytes closes 1002 [I29]', closing(1000, 'x'.repeat(126)), 1002],
    ['(F11) of a close with half a code closes 1002 [I29]', clientFrame(FIN | CLOSE, 'x'), 1002],
    ['(F11) of a close with a reason that is no UTF-8 closes 1007 [I29]', closing(1000, Buffer.from([0xff])), 1007],
    ['(F13) of text that is no UTF-8 closes 1007 [I29]', clientFrame(FIN | TEXT, Buffer.from([0x7b, 0xff])), 1007],
    ['(F13) that is binary closes 1003, whatever it holds [P2]', clientFrame(FIN | BINARY, '{"type":"ping"}'), 1003],
    ['(F13) that is binary and empty closes 1003 [P2]', clientFrame(FIN | BINARY), 1003],
  ])('%s', async (_title, bytes, code) => {
    const peer = await server.raw()
    peer.socket.write(bytes)
    expect(await peer.closed).toBe(code)
  })

  it('(F7) that trickles in byte by byte is given up with 1008 [I30]', async () => {
    const peer = await server.raw()
    const bytes = clientFrame(FIN | TEXT, ' '.repeat(8_000))
    for (let at = 0; at < bytes.length && !peer.opcodes.includes(CLOSE); at++) {
      peer.socket.write(bytes.subarray(at, at + 1))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await peer.closed).toBe(1008)
  })

  it('(F7) in 64 fragments is a message like any other [P31]', async () => {
    const peer = await server.raw()
    const text = '{"type":"ping"}'.padEnd(63)
    for (let at = 0; at < 63; at++) peer.socket.write(clientFrame(at === 0 ? TEXT : CONTINUATION, text.slice(at, at + 1)))
    peer.socket.write(clientFrame(FIN | CONTINUATION))
    await expect.poll(() => peer.texts.at(-1)).toBe('{"type":"pong"}')
  })

  it('(F10) of a ping comes too often: nothing is read for a while, and nobody is closed for it [P16] [I30]', async () => {
    const peer = await server.raw()
    for (let sent = 50; sent <= 300; sent += 50) {
      peer.socket.write(Buffer.concat(Array.from({ length: 50 }, () => clientFrame(FIN | PING))))
      await expect.poll(() => peer.opcodes.filter((opcode) => opcode === PONG).length, { timeout: 4_000, interval: 5 }).toBe(sent)
    }
    peer.say({ type: 'ping' })
    await expect.poll(() => peer.texts.at(-1)).toBe('{"type":"pong"}')
    expect(peer.opcodes).not.toContain(CLOSE)
  })

  it('(F10) of a ping comes before the pong of the sixtieth before it has left: the socket is cut [I30]', async () => {
    const peer = await server.raw()
    peer.socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(FIN | PING))))
    expect(await peer.closed).toBe(1006)
    expect(peer.opcodes.length).toBeLessThan(200)
  })

  it('(F10) of a pong that nobody asked for comes too often: nothing is read for a while [P16] [I30]', async () => {
    const peer = await server.raw()
    peer.socket.write(Buffer.concat(Array.from({ length: 300 }, () => clientFrame(FIN | PONG))))
    peer.say({ type: 'ping' })
    await expect.poll(() => peer.texts.at(-1), { timeout: 4_000 }).toBe('{"type":"pong"}')
    expect(peer.opcodes).not.toContain(CLOSE)
  })

  it('(F10) one pong that nobody asked for does no harm [P31]', async () => {
    const peer = await server.raw()
    peer.socket.write(clientFrame(FIN | PONG, 'x'))
    peer.say({ type: 'ping' })
    await expect.poll(() => peer.texts.at(-1)).toBe('{"type":"pong"}')
  })

  it('(F12) after the closing frame is not heard [I29]', async () => {
    const peer = await server.raw()
    const before = server.live.metrics().totals['applied'] ?? 0
    const late = '{"type":"send","confirmed":0,"messages":[{"n":1,"id":"AAAAAAAAAAAAAAAAAAAAAA","channel":"a","data":1}]}'
    peer.socket.write(Buffer.concat([closing(1000), clientFrame(FIN | TEXT, late)]))
    expect(await peer.closed).toBe(1000)
    expect(peer.texts).toHaveLength(1)
    expect(server.live.metrics().totals['applied'] ?? 0).toBe(before)
  })

  it.each([1, 3, 7, 40])('(F12) that is cut after %i bytes leaves nothing behind [I24]', async (count) => {
    const peer = await server.raw()
    peer.socket.write(clientFrame(FIN | TEXT, '{"type":"ping"}'.padEnd(200)).subarray(0, count))
    peer.socket.destroySoon()
    await peer.closed
    await expect.poll(() => server.live.metrics().sockets).toBe(1)
  })
})

describe('a deflate bomb', () => {
  const server = attackServer()

  it('(F9) cannot be sent: compression is not agreed to with who offers it, and a compressed frame closes 1002 [I30]', async () => {
    const bomb = deflateRawSync(Buffer.alloc(100 * 2 ** 20))
    const peer = await RawPeer.open(server.port, ['Sec-WebSocket-Extensions: permessage-deflate'])
    const before = process.memoryUsage().rss
    peer.socket.write(clientFrame(0xc1, bomb))
    expect(await peer.closed).toBe(1002)
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20)
  })
})
