import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import { fakeServer, freshId, type FakeServer } from './testing/fake-peer.ts'
import { upgrade } from './testing/raw-request.ts'
import { startWireServer, type WireServer } from './testing/wire-server.ts'
import { openWireClient } from '../testing/wire-client.ts'
import type { LiveServerOptions } from './options.ts'
import { CLOSE, type Hello } from '../protocol/index.ts'

const users = { authenticate: ({ credential }: { credential: string | null }) => (credential === null ? null : { user: credential }) }
const servers: WireServer[] = []

async function start(options: LiveServerOptions = {}): Promise<WireServer> {
  const server = await startWireServer(options)
  servers.push(server)
  return server
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

const hello = (fields: Partial<Hello> = {}): Hello => ({
  type: 'hello',
  protocol: 1,
  client: freshId(),
  sender: freshId(),
  confirmed: 0,
  user: null,
  session: null,
  credential: null,
  subscriptions: [],
  ...fields,
})

describe('who somebody is', () => {
  it('(SEC2) a cookie with an allowed origin opens a socket and proves nothing', async () => {
    const server = await start({ ...users, allowedOrigins: ['https://app.example.com'] })
    const headers = { Origin: 'https://app.example.com', Cookie: 'session=ada' }
    const client = await openWireClient(server.url, { headers })
    client.send(hello({ user: 'ada' }))
    expect((await client.closed).code).toBe(4401)
  })

  it('(SEC3) nothing of the address reaches the app: a credential in a query is of no use', async () => {
    const seen: unknown[] = []
    const server = await start({ authenticate: ({ request }) => (seen.push(request), null) })
    const client = await openWireClient(`${server.url}?token=SECRET`)
    client.send(hello())
    expect((await client.closed).code).toBe(4401)
    expect(seen).toHaveLength(1)
    expect(inspect(seen, { depth: 10, showHidden: true })).not.toContain('SECRET')
  })

  it('(SEC4) what the engine is given to keep is the hash of a resume token, never the token', async () => {
    const inner = memoryEngine()
    const kept: unknown[] = []
    const engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        return (...given: unknown[]): unknown => {
          kept.push(given)
          return Reflect.apply(value, target, given)
        }
      },
    })
    const { open } = fakeServer({ ...users, engine })
    const peer = await open({ user: 'ada', credential: 'ada' })
    const { session } = peer.last('session_init')
    expect(session.token).toMatch(/^[\w-]{43}$/)
    const again = await open({ user: 'ada', credential: 'ada', session, client: peer.client })
    expect(again.last('session_restored').session.id).toBe(session.id)
    const dump = inspect(kept, { depth: 10, maxArrayLength: null })
    expect(dump).toContain(session.id)
    expect(dump).not.toContain(session.token)
  })

  it('(SEC6) [I27] a session is not resumed without a fresh credential, however good its token is', async () => {
    const { open, core } = fakeServer(users)
    const owner = await open({ user: 'ada', credential: 'ada' })
    const { session } = owner.last('session_init')
    const thief = await open({ user: 'ada', credential: null, session })
    expect(thief.closedWith?.code).toBe(4401)
    expect(thief.frames).toEqual([])
    expect(owner.closedWith).toBeUndefined()
    expect(core.metrics().sessions).toBe(1)
  })

  it('(SEC8) [P32] a connection whose credential has ended is closed, and what it sends then is not applied', async () => {
    const applied: unknown[] = []
    const server: FakeServer = fakeServer({
      authenticate: () => ({ user: 'ada', expiresAtMs: server.clock.wallMs() + 30_000 }),
      onMessage: ({ data }) => void applied.push(data),
    })
    const { open, clock } = server
    const peer = await open({ user: 'ada' })
    await clock.pass(31_000)
    expect(peer.closedWith?.code).toBe(4401)
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 'late' }] })
    await clock.settle()
    expect(applied).toEqual([])
  })

  it('(SEC9) [I28] a channel is replayed only to who may read it now, whatever the session was given before', async () => {
    let mayRead = true
    const { open, core, clock } = fakeServer({ ...users, authorize: () => mayRead })
    const subscriptions = [{ sub: 1, channel: 'agents', cursor: null }]
    const first = await open({ user: 'ada', credential: 'ada', subscriptions })
    const cursor = await core.publish('agents', 'one')
    await clock.settle()
    const { session } = first.last('session_init')
    first.drop()
    mayRead = false
    await core.publish('agents', 'SECRET')
    const again = await open({ user: 'ada', credential: 'ada', session, subscriptions: [{ sub: 1, channel: 'agents', cursor }] })
    await clock.settle()
    expect(again.last('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
    expect(again.frames.join('\n')).not.toContain('SECRET')
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['1', 1],
    ['a word', 'yes'],
    ['an object', {}],
    ['a promise of nothing', Promise.resolve()],
    ['a promise of an object', Promise.resolve({ allowed: true })],
  ])('(SEC9) [P14] [P29] [I28] only true allows, to read and to send: %s does not', async (_, answer) => {
    const applied: unknown[] = []
    const authorize = (() => answer) as NonNullable<LiveServerOptions['authorize']>
    const { open, clock } = fakeServer({ authorize, onMessage: ({ data }) => void applied.push(data) })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'agents', cursor: null }] })
    expect(peer.last('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'agents', data: 'x' }] })
    await clock.settle()
    expect([peer.last('ack').outcomes, applied]).toMatchObject([[{ n: 1, rejected: 'forbidden' }], []])
  })
})

describe('the wire', () => {
  it('(SEC11) compression is not taken up, whatever a client offers', async () => {
    const server = await start()
    const { head } = await upgrade(server.port, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits')
    expect(head).toContain('101 Switching Protocols')
    expect(head.toLowerCase()).not.toContain('sec-websocket-extensions')
  })

  it.each<[string, string, string]>([
    ['badMessage', '{"type":"SECRET"}', 'P1: type is not known'],
    ['badMessage', JSON.stringify(hello()).replace('{', '{"__proto__":{"polluted":true},'), 'P1: frame has a forbidden key'],
    ['badMessage', JSON.stringify({ type: 'ping' }), 'P4: hello comes first, and once'],
    ['version', JSON.stringify({ ...hello(), protocol: 99 }), 'speaks 1'],
  ])('(SEC13) (SEC15) [P34] the reason of a close names the rule, and holds nothing of a frame: %s', async (name, text, reason) => {
    const server = await start()
    const client = await openWireClient(server.url)
    client.sendText(text)
    expect(await client.closed).toEqual({ code: CLOSE[name as keyof typeof CLOSE].code, reason })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('(SEC10) announces every limit a client is held to', async () => {
    const { open, core } = fakeServer()
    const { limits } = (await open()).answer()
    expect(limits).toEqual(core.settings.announced)
  })
})
