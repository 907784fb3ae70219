import { afterEach, describe, expect, it, vi } from 'vitest'
import { nodeLog } from './node-platform.ts'
import type { LiveServerOptions } from './options.ts'
import { resolveOptions } from './resolve-options.ts'
import { Refusals, type Refusal } from './refusals.ts'
import { helloOf } from './testing/attack-contract.ts'
import { FakeClock } from './testing/fake-clock.ts'
import { fakeServer, freshId } from './testing/fake-peer.ts'
import { exchange, upgrade, WEBSOCKET } from './testing/raw-request.ts'
import { startWireServer } from './testing/wire-server.ts'
import { openWireClient } from '../testing/wire-client.ts'
import type { LogEntry } from '../core/ports.ts'

const ends: (() => unknown)[] = []
const lines: LogEntry[] = []

afterEach(async () => {
  lines.length = 0
  for (const end of ends.splice(0).toReversed()) await end()
})

const log = (line: LogEntry): void => void lines.push(line)
const start = async (options: LiveServerOptions): Promise<number> => {
  const server = await startWireServer({ log, ...options })
  ends.push(server.stop)
  return server.port
}
const refused = (): readonly LogEntry[] => lines.filter(({ event }) => event === 'refused')

describe('[N9] a refused upgrade', () => {
  it.each<[string, LiveServerOptions, string, Partial<LogEntry>]>([
    [
      'of a strange origin',
      { allowedOrigins: ['https://app.example.com'] },
      '403 The origin https://evil.example is not one of the allowed ones.',
      {
        kind: 'origin',
        option: 'allowedOrigins',
        expected: 'https://app.example.com',
        came: expect.stringContaining('https://evil.example') as never,
      },
    ],
    [
      'behind a proxy that names itself',
      {},
      '403 The origin https://evil.example is not the host of the request, 127.0.0.1:',
      { kind: 'origin', option: 'allowedOrigins', advice: expect.stringContaining('proxy_set_header Host $http_host;') as never },
    ],
    [
      'from an address that cannot be told',
      {
        allowedOrigins: '*',
        addressOf: () => {
          throw new TypeError('no')
        },
      },
      '503 The server cannot tell where this request comes from.',
      { kind: 'address-unknown', option: 'addressOf', came: 'TypeError' },
    ],
  ])('%s has a sentence in its answer, and a line in the log', async (_what, options, answer, line) => {
    const port = await start(options)
    const { status, head, body } = await exchange(port, '/live?token=SECRET', [...WEBSOCKET, 'Origin: https://evil.example'])
    expect(`${status} ${body}`).toContain(answer)
    expect(head).toMatch(/^Content-Type: text\/plain; charset=utf-8$/im)
    expect(head).toMatch(/^X-Content-Type-Options: nosniff$/im)
    expect(refused()).toEqual([expect.objectContaining({ level: 'error', ...line })])
    expect(JSON.stringify(lines)).not.toContain('SECRET')
  })

  it.each<[string, LiveServerOptions, number, string, string]>([
    ['that is one socket too many', { sessions: { max: 1 } }, 503, 'sessions', 'sessions.max'],
    ['while too many wait', { limits: { waitingSockets: 1 } }, 503, 'waiting', 'limits.waitingSockets'],
    [
      'of an address with too many',
      { addressOf: () => '10.1.2.3', limits: { addressSockets: 1 } },
      429,
      'address',
      'limits.addressSockets',
    ],
    [
      'of an address that is too fast',
      { addressOf: () => '10.1.2.3', limits: { addressSocketsPerMinute: 1 } },
      429,
      'address-rate',
      'limits.addressSocketsPerMinute',
    ],
  ])('%s names the option', async (_what, options, status, kind, option) => {
    const port = await start(options)
    await upgrade(port)
    expect(await exchange(port, '/live', WEBSOCKET)).toMatchObject({ status, body: expect.stringContaining('Too many connections') })
    expect(refused()).toEqual([expect.objectContaining({ kind, option, expected: expect.stringMatching(/^at most 1/) })])
    expect(JSON.stringify(lines)).not.toContain('10.1.2.3')
  })

  it.each([
    ['Sec-WebSocket-Version: 12', 400, 'Sec-WebSocket-Version', /^Sec-WebSocket-Version: 13$/im],
    ['Sec-WebSocket-Protocol: ,', 400, 'Sec-WebSocket-Protocol', /400/],
  ])('with %s is told what is wrong with it', async (header, status, text, inHead) => {
    const port = await start({})
    const name = header.split(':')[0] ?? ''
    const answer = await exchange(port, '/live', [...WEBSOCKET.filter((line) => !line.startsWith(name)), header])
    expect(answer).toMatchObject({ status, body: expect.stringContaining(text) })
    expect(answer.head).toMatch(inHead)
    expect(refused()).toEqual([expect.objectContaining({ kind: 'handshake', sentence: expect.stringContaining(text) })])
  })
})

describe('[N9] a refused hello', () => {
  it.each<[string, LiveServerOptions, object, number, Partial<LogEntry>]>([
    ['of another version', {}, { protocol: 99 }, 4440, { kind: 'version', level: 'error', came: '99', expected: '1' }],
    ['of another version and shape', {}, { protocol: 99, client: 7 }, 4440, { kind: 'version', level: 'error' }],
    [
      'without a credential',
      { authenticate: () => null },
      {},
      4401,
      { kind: 'unauthenticated', level: 'info', came: 'no credential', option: 'authenticate, token of connect' },
    ],
    [
      'for a user nobody has authenticated',
      {},
      { user: 'ada' },
      4411,
      { kind: 'user', level: 'error', came: 'a user', expected: 'nobody' },
    ],
    [
      'for another user',
      { authenticate: () => ({ user: 'bob' }) },
      { user: 'ada' },
      4411,
      { kind: 'user', came: 'a user', expected: 'another user' },
    ],
  ])('%s has a line in the log that names nobody', async (_what, options, fields, code, line) => {
    const { peer, clock } = fakeServer({ log, ...options })
    const one = peer()
    one.text(JSON.stringify({ ...helloOf({ client: freshId() }), ...fields }))
    await clock.pass(0)
    expect(one.closedWith?.code).toBe(code)
    expect(refused()).toEqual([expect.objectContaining(line)])
    expect(JSON.stringify(refused())).not.toMatch(/ada|bob/)
  })
})

describe('[N9] a closed connection', () => {
  it('has a line with the option that closed it, and of frames with the rule they broke', async () => {
    const { peer, clock } = fakeServer({ log, limits: { helloMs: 100 } })
    peer().binary()
    peer().text('no')
    peer()
    await clock.pass(1_000)
    expect(refused().map(({ kind }) => kind)).toEqual(['binary', 'badMessage', 'helloTimeout'])
    expect(refused().at(-1)).toMatchObject({ level: 'info', option: 'limits.helloMs' })
    const port = await start({ limits: { frameBytes: 16_384, messageBytes: 1_024 } })
    const client = await openWireClient(`ws://127.0.0.1:${port}/live`)
    client.sendText('x'.repeat(16_385))
    expect((await client.closed).code).toBe(1009)
    expect(refused().at(-1)).toMatchObject({ kind: 'frame', came: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', option: 'limits.frameBytes' })
  })
})

describe('[N9] the lines', () => {
  it('are one a minute of the same kind and text, and say how many were left out', () => {
    const clock = new FakeClock()
    const refusals = new Refusals(clock, log)
    const refusal = (kind: string): Refusal => ({ kind, sentence: 'No.' })
    for (let at = 0; at < 1_000; at++) refusals.tell(refusal('origin'))
    refusals.tell(refusal('path'))
    expect(lines.map(({ kind }) => kind)).toEqual(['origin', 'path'])
    clock.advance(59_999)
    refusals.tell(refusal('origin'))
    clock.advance(1)
    refusals.tell(refusal('origin'))
    refusals.tell(refusal('path'))
    expect(lines.slice(2)).toEqual([
      { level: 'error', event: 'refused', kind: 'origin', sentence: 'No.', untold: 1_000 },
      { level: 'error', event: 'refused', kind: 'path', sentence: 'No.' },
    ])
  })

  it('are another one at once when something else came, but no more than ten of a kind in a minute', () => {
    const clock = new FakeClock()
    const refusals = new Refusals(clock, log)
    for (let at = 0; at < 100; at++) refusals.tell({ kind: 'origin', sentence: 'No.', came: `https://${at % 50}.example` })
    expect(lines).toHaveLength(10)
    clock.advance(60_000)
    refusals.tell({ kind: 'origin', sentence: 'No.', came: 'https://1.example' })
    expect(lines[10]).toMatchObject({ came: 'https://1.example', untold: 90 })
  })

  it('are no longer than 500 characters a field, whatever came', () => {
    new Refusals(new FakeClock(), log).tell({ kind: 'path', sentence: 'No.', came: 'x'.repeat(10_000) })
    expect(lines[0]?.['came']).toHaveLength(500)
  })

  it('go to the console where the app takes none, when a developer must look', async () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {})
    ends.push(() => shown.mockRestore())
    const port = await start({ log: nodeLog })
    await exchange(port, '/live', [...WEBSOCKET, 'Origin: https://evil.example'])
    expect(resolveOptions({}).log).toBe(nodeLog)
    nodeLog({ level: 'info', event: 'x' })
    expect(shown.mock.calls).toEqual([['holdfast', expect.objectContaining({ event: 'refused', kind: 'origin' })]])
  })
})
