import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import { freshId } from './fake-peer.ts'
import { RawPeer } from './raw-peer.ts'
import { startWireServer, type WireServer } from './wire-server.ts'
import type { LiveServer } from '../live-server.ts'
import type { LiveServerOptions } from '../options.ts'
import { keepProcessUnharmed } from '../../testing/process-contract.ts'
import { openWireClient, type WireClient } from '../../testing/wire-client.ts'
import type { ClientMessage, Hello } from '../../protocol/index.ts'

/** A `hello` of a new, anonymous client. */
export function helloOf(fields: Partial<Hello> = {}): Hello {
  return {
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
  }
}

/** A server under attack. */
export interface AttackedServer {
  readonly port: number
  readonly live: LiveServer
  /** The hello of the well-behaved client, with its session once it has one. */
  readonly witness: Hello
  /** Opens a socket, with `query` at the end of its address, and says nothing. */
  connect(query?: string): Promise<WireClient>
  /** Opens a socket whose `hello` is answered. */
  open(fields?: Partial<Hello>): Promise<WireClient>
  /** Opens a socket for bytes, and says `hello` on it, as the witness's user unless told otherwise. */
  raw(fields?: Partial<Hello>): Promise<RawPeer>
  /** Resolves when no peer has a socket any more, and lets go of the peers. */
  isAlone(): Promise<void>
  /** Resolves when the server remembers nobody but the witness: its `sessions` have short times then. */
  hasForgotten(): Promise<void>
}

/**
 * Waits for what a server does by itself. Not by `expect.poll`: a test keeps something of each call, and thousands of
 * them would pass for a leak of the server.
 */
const until = (holds: () => boolean): Promise<boolean> => vi.waitUntil(holds, { interval: 1, timeout: 10_000 })

/** What the witness says of itself. */
export type Witness = Pick<Hello, 'user' | 'credential'>

/**
 * One server for all tests of a `describe`, and one well-behaved client on it, the witness. After each test the peers
 * of the test are cut, and then: the witness's next message is acknowledged, what is published next reaches it, no
 * other socket is left, and the process is unharmed.
 */
export function attackServer(options: LiveServerOptions = {}, as: Witness = { user: null, credential: null }): AttackedServer {
  keepProcessUnharmed()
  const peers: { cut(): void }[] = []
  let hello = helloOf({ ...as, subscriptions: [{ sub: 1, channel: 'witness', cursor: null }] })
  let server: WireServer
  let client: WireClient
  let n = 0
  let offset = 0

  /** What the witness says is acknowledged, and what is published reaches it. */
  const isServed = async (): Promise<void> => {
    const id = freshId()
    n += 1
    client.send({ type: 'send', confirmed: n - 1, messages: [{ n, id, channel: 'witness', data: n }] })
    expect(await client.next('ack')).toMatchObject({ hi: n, stable: n, id })
    offset += 1
    await server.live.publish('witness', n)
    expect(await client.next('messages')).toMatchObject({ batches: [{ sub: 1, messages: [{ offset, data: n }] }] })
  }

  beforeAll(async () => {
    server = await startWireServer({ onMessage: () => undefined, ...options })
    client = await openWireClient(server.url)
    client.send(hello)
    hello = { ...hello, session: (await client.next('session_init')).session }
    offset = (await client.next('subscribed')).head.offset
    await isServed()
  })

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.cut()
    await isServed()
    await expect.poll(() => server.live.metrics(), { interval: 2 }).toMatchObject({ sockets: 1, queued: 0 })
  })

  afterAll(() => server.stop())

  const connect = async (query: string = ''): Promise<WireClient> => {
    const peer = await openWireClient(server.url + query)
    peers.push(peer)
    return peer
  }

  return {
    get port() {
      return server.port
    },
    get live() {
      return server.live
    },
    get witness() {
      return hello
    },
    connect,
    async open(fields) {
      const peer = await connect()
      peer.send(helloOf(fields))
      await peer.until(({ type }) => type === 'session_init' || type === 'session_restored')
      return peer
    },
    async raw(fields = as) {
      const peer = await RawPeer.open(server.port)
      peers.push({ cut: () => peer.socket.destroy() })
      peer.say(helloOf(fields))
      await until(() => peer.texts.length === 1)
      return peer
    },
    async isAlone() {
      await until(() => server.live.metrics().sockets === 1)
      peers.length = 0
    },
    async hasForgotten() {
      await until(() => server.live.metrics().sessions === 1 && server.live.metrics().clients === 1)
    },
  }
}

/** A `send` of one message. */
export function sendOf(n: number, data: unknown = n, changes: { readonly id?: string; readonly channel?: string } = {}): ClientMessage {
  return { type: 'send', confirmed: 0, messages: [{ n, id: freshId(), channel: 'agents', data, ...changes }] }
}
