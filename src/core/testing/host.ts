import { createRuntime, type Runtime } from '../runtime.ts'
import type { Notice, RuntimePorts } from '../runtime-ports.ts'
import type { LogEntry } from '../ports.ts'
import type { HubSettings } from '../settings.ts'
import type { SendOnly, SessionInit, SessionRestored } from '../../protocol/messages.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'
import { id, settings as defaults, welcome } from './frames.ts'
import { createSocketDoubles, type SocketDoubles } from './socket-double.ts'
import { createStoreDouble, type StoreDouble } from './store-double.ts'

/** A runtime on doubles, and everything it said. */
export interface Host {
  readonly runtime: Runtime
  readonly clock: FakeClock
  readonly sockets: SocketDoubles
  readonly store: StoreDouble
  readonly notices: Notice[]
  readonly log: LogEntry[]
  /** Notices of one type. */
  told<Type extends Notice['type']>(type: Type): Extract<Notice, { type: Type }>[]
  /** Lets every promise that can settle do so. */
  settle(): Promise<void>
  /** Opens the newest socket and answers its `hello`. */
  answer(answer?: SessionInit | SessionRestored | SendOnly): Promise<void>
}

/** What a test may bring along. */
export interface HostParts {
  readonly settings?: HubSettings
  readonly store?: StoreDouble
  readonly askCredential?: () => Promise<string | null>
  readonly earlier?: RuntimePorts['earlier']
  /** The outbox token of a machine that only sends. */
  readonly sendOnly?: string
  /** Called with every notice, as a hub would be. */
  readonly hear?: (notice: Notice, runtime: Runtime) => void
}

/** Makes a host whose runtime rests. */
export function createHost(parts: HostParts = {}): Host {
  const {
    settings = defaults(),
    store = createStoreDouble(),
    askCredential = () => Promise.resolve('secret'),
    earlier = null,
    sendOnly,
    hear,
  } = parts
  const clock = createFakeClock()
  store.timeMs = () => clock.steadyMs()
  const sockets = createSocketDoubles()
  const notices: Notice[] = []
  const log: LogEntry[] = []
  let ids = 0
  const runtime = createRuntime({
    settings,
    clock,
    random: { fraction: () => 0, id: () => id(`new${++ids}`) },
    openSocket: sockets.open,
    store,
    stored: store.stored(),
    earlier,
    ...(sendOnly !== undefined && { sendOnly }),
    askCredential,
    notify(notice) {
      notices.push(notice)
      hear?.(notice, runtime)
    },
    log: (entry) => void log.push(entry),
  })
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 100; turn++) await Promise.resolve()
  }
  return {
    runtime,
    clock,
    sockets,
    store,
    notices,
    log,
    told: (type) => notices.filter((notice): notice is Extract<Notice, { type: typeof type }> => notice.type === type),
    settle,
    async answer(answer = welcome()) {
      await settle()
      const socket = sockets.last()
      socket.listener.opened()
      socket.send(answer)
      await settle()
    },
  }
}
