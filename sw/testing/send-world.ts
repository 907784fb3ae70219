import { createTestBroadcasts } from '../../src/bridge/test-broadcasts.ts'
import { PrivateLocks } from '../../src/bridge/private-locks.ts'
import type { OpenBroadcast } from '../../src/bridge/broadcast-port.ts'
import { createFakeClock, type FakeClock } from '../../src/core/testing/fake-clock.ts'
import { createFarLine } from '../../src/core/testing/far-line.ts'
import { ModelServer } from '../../src/core/testing/model-server.ts'
import type { LogEntry, NewMessage, OutboxLimits, SocketListener, Store, StoredSendOnly } from '../../src/core/ports.ts'
import type { ClientMessage, Hello, Id, ServerMessage } from '../../src/protocol/messages.ts'
import { createMemoryStore, emptyMemoryContents, type MemoryContents } from '../../src/storage/memory-store.ts'
import type { SendPorts } from '../send-outbox.ts'

/** The scope of the tests. */
export const SCOPE: string = 'S'.repeat(22)
/** Messages as old as this are left to a tab. */
export const MAX_AGE_MS = 100_000

const LIMITS: OutboxLimits = { maxMessages: 10_000, maxBytes: 2 ** 24 }

/** An id that says a number. */
export function idOf(n: number): Id {
  return `m${String(n).padStart(21, '0')}`
}

/** What the hub was given to send with. */
export const SEND_ONLY: StoredSendOnly = { url: 'wss://app.example/live', token: 'T'.repeat(43), user: 'ada' }

/** One socket that was opened, from its far end. */
export interface FarEnd {
  readonly url: string
  /** What the client said on it. */
  readonly said: ClientMessage[]
  /** Nothing more is answered, and the client is told so or not. */
  cut(code?: number): void
  /** Somebody says this to the client. */
  say(message: ServerMessage | string): void
  isOver: boolean
}

/** What may come between client and server; `false` keeps it from going on. */
export interface Between {
  /** A socket was opened. */
  opens?(far: FarEnd): boolean
  /** The client says something. */
  up?(far: FarEnd, message: ClientMessage): boolean
  /** The server does. */
  down?(far: FarEnd, message: ServerMessage): boolean
}

/** A store that outlives its owners, locks, a clock, and a server that keeps the rules of numbers. */
export interface SendWorld {
  readonly clock: FakeClock
  readonly locks: PrivateLocks
  readonly openBroadcast: OpenBroadcast
  readonly contents: MemoryContents
  readonly server: ModelServer
  readonly sockets: FarEnd[]
  readonly log: LogEntry[]
  readonly ports: SendPorts
  between: Between
  store(): Store
  /** Queues as a hub without a connection would, and lets go. `null`: it never had one. */
  queue(messages: readonly Partial<NewMessage>[], sendOnly?: StoredSendOnly | null): Promise<void>
  /** Message ids that are left. */
  left(): Id[]
  /** Message ids that took effect, in that order. */
  applied(): Id[]
  /** What was said in `hello`, by every socket. */
  hellos(): Hello[]
}

/** Makes a world. */
export function createSendWorld(between: Between = {}): SendWorld {
  const clock = createFakeClock()
  const locks = new PrivateLocks()
  const openBroadcast = createTestBroadcasts()
  const contents = emptyMemoryContents()
  const server = new ModelServer()
  const sockets: FarEnd[] = []
  let made = 0
  const random = { fraction: () => 0.5, id: (): Id => `r${String(++made).padStart(21, '0')}` }
  const log: LogEntry[] = []
  const store = (): Store => createMemoryStore({ clock, random, limits: LIMITS, contents })
  let queued = 0

  const world: SendWorld = {
    clock,
    locks,
    openBroadcast,
    contents,
    server,
    sockets,
    log,
    between,
    store,
    ports: {
      clock,
      random,
      locks,
      openBroadcast,
      log: (entry) => log.push(entry),
      store: () => Promise.resolve(contents.stored ? store() : null),
      openSocket: (url) => (listener) => open(world, url, listener),
    },
    async queue(messages, sendOnly = SEND_ONLY) {
      const hub = store()
      await hub.open()
      const session = { id: 'L'.repeat(22), token: 'R'.repeat(43) }
      if (sendOnly) await hub.saveIdentity({ session, ledger: server.ledger, since: 0, sentThrough: 0, sendOnly })
      const all = messages.map((message): NewMessage => {
        const id = idOf(++queued)
        return { id, channel: 'board', json: JSON.stringify(id), ...message }
      })
      await hub.append(all, false)
      hub.close()
    },
    left: () => contents.stored?.outbox.entries.map(({ id }) => id) ?? [],
    applied: () => server.effects.map(({ id }) => id),
    hellos: () => sockets.flatMap(({ said }) => said.filter((message) => message.type === 'hello')),
  }
  return world
}

/** Frames arrive one turn later, in their order. */
function open(world: SendWorld, url: string, listener: SocketListener): ReturnType<ReturnType<SendPorts['openSocket']>> {
  const later = (run: () => void): void => void Promise.resolve().then(() => !far.isOver && run())
  const far: FarEnd = {
    url,
    said: [],
    isOver: false,
    cut(code = 1006) {
      later(() => {
        far.isOver = true
        listener.closed(code)
      })
    },
    say: (message) => later(() => listener.frame(typeof message === 'string' ? message : JSON.stringify(message))),
  }
  const line = createFarLine(
    (frame) => later(() => listener.frame(frame)),
    (text) => {
      const message = JSON.parse(text) as ClientMessage
      far.said.push(message)
      if (world.between.up?.(far, message) !== false) connection.hear(text)
    },
  )
  world.sockets.push(far)
  const connection = world.server.connect({
    send(message) {
      if (!far.isOver && world.between.down?.(far, message) !== false) far.say(message)
    },
    close: (code) => far.cut(code),
  })
  if (world.between.opens?.(far) !== false) later(() => listener.opened())
  return {
    send(text) {
      later(() => line.hear(text))
    },
    bufferedBytes: () => 0,
    close: () => void (far.isOver = true),
  }
}
