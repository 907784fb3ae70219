import { createFaultConnection, type FaultConnection, type ProxyTarget } from './fault-connection.ts'
import { createFaultListener } from './fault-listener.ts'
import { PASS, type Fault, type FaultRule } from './fault.ts'
import { checkMs } from './check-ms.ts'
import { checkWholeNumber } from './check-whole-number.ts'
import { readFaultRule } from './read-fault.ts'
import { createSeededRandom } from './seeded-random.ts'
import { invalidOption, readOptions } from '../protocol/read-options.ts'

const MAX_PORT = 65_535

/** What {@link createFaultProxy} needs. */
export interface FaultProxyOptions {
  readonly target: ProxyTarget
  /**
   * Makes every choice of the proxy repeatable.
   *
   * @defaultValue 1
   */
  readonly seed?: number
  /**
   * Port of 127.0.0.1 to listen on; 0 lets the system choose. Rejects when it is taken.
   *
   * @defaultValue 0
   */
  readonly port?: number
}

/**
 * A TCP proxy in front of a server, for tests of what a network does to connections. What it cannot carry out it
 * refuses with `invalid-option`.
 */
export interface FaultProxy {
  /** The port of 127.0.0.1 that clients connect to. It stays the same for the proxy's life. */
  readonly port: number
  /** What new connections get. */
  readonly mode: Fault
  /** Where new connections go. Set it when the server has come back on another port. */
  target: ProxyTarget
  /** Every connection so far, closed ones too, in the order they were accepted. */
  readonly connections: readonly FaultConnection[]
  /** An address of the proxy: `url('/live')` is `ws://127.0.0.1:…/live`. */
  url(path?: string, protocol?: 'ws' | 'http'): string
  /** Puts a rule into force; resolved when it is. The rule of an nth connection outlives general ones. */
  set(rule: FaultRule): Promise<void>
  /** Resets every open connection. New ones are not affected. */
  cutAll(): void
  /** Resolved with the connections when `count` have been accepted since the start; rejected after `deadlineMs`. */
  waitForConnections(count: number, deadlineMs: number): Promise<readonly FaultConnection[]>
  /** Stops listening and resets every connection; resolved when all are closed. */
  close(): Promise<void>
}

/**
 * Starts a proxy that passes everything on until it is told otherwise. Rejects with `invalid-option` for what it cannot
 * carry out.
 *
 * @example ```ts const proxy = await createFaultProxy({ target: { host: '127.0.0.1', port } }) await proxy.set({ kind:
 * 'cut', direction: 'toClient', afterBytes: { min: 1, max: 500 }, on: 2 }) ```
 */
export async function createFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { seed = 1, port = 0 } = readOptions(options, { target: undefined, seed: 0, port: 0 })
  checkWholeNumber('port', port, 0, MAX_PORT)
  let target = readTarget(options.target)
  const random = createSeededRandom(seed)
  const connections: FaultConnection[] = []
  const nth = new Map<number, Fault>()
  const accepted = new Set<() => void>()
  let mode: Fault = PASS

  const listener = await createFaultListener(port, (socket) => {
    const number = connections.length + 1
    connections.push(createFaultConnection(number, socket, target, random.fork(number), nth.get(number) ?? mode))
    for (const notice of accepted) notice()
  })

  const set = async (rule: FaultRule): Promise<void> => {
    const { on = 'both', ...fault } = readFaultRule(rule)
    if (typeof on === 'number') {
      nth.set(on, fault)
      connections[on - 1]?.set(fault)
      return
    }
    if (on !== 'new') for (const connection of connections) if (connection.open) connection.set(fault)
    if (on === 'existing') return
    mode = fault
    await listener.listen(fault.kind !== 'refuse')
  }

  const proxy: FaultProxy = {
    port: listener.port,
    get target() {
      return target
    },
    set target(next) {
      target = readTarget(next)
    },
    connections,
    get mode() {
      return mode
    },
    url(path = '/', protocol = 'ws') {
      if (!readOptions(path, '', 'path').startsWith('/')) invalidOption('path', 'must begin with /')
      if (!['ws', 'http'].includes(protocol)) invalidOption('protocol', 'must be ws or http')
      return `${protocol}://127.0.0.1:${listener.port}${path}`
    },
    set,
    cutAll() {
      for (const connection of connections) if (connection.open) connection.set({ kind: 'reset' })
    },
    async waitForConnections(count, deadlineMs) {
      checkWholeNumber('count', count, 0)
      checkMs('deadlineMs', deadlineMs)
      return waitForConnections(connections, accepted, count, deadlineMs)
    },
    async close() {
      await listener.listen(false)
      proxy.cutAll()
      await Promise.all(connections.map(({ closed }) => closed))
    },
  }
  return proxy
}

function waitForConnections(
  connections: readonly FaultConnection[],
  accepted: Set<() => void>,
  count: number,
  deadlineMs: number,
): Promise<readonly FaultConnection[]> {
  return new Promise((resolve, reject) => {
    const notice = (): void => {
      if (connections.length < count) return
      clearTimeout(timer)
      accepted.delete(notice)
      resolve(connections)
    }
    const timer = setTimeout(() => {
      accepted.delete(notice)
      reject(new Error(`${connections.length} of ${count} connections came within ${deadlineMs} ms`))
    }, deadlineMs)
    accepted.add(notice)
    notice()
  })
}

function readTarget(given: ProxyTarget): ProxyTarget {
  const { host, port } = readOptions(given, { host: '', port: 0 }, 'target')
  if (!host) invalidOption('target.host', 'must be a name or an address')
  checkWholeNumber('target.port', port, 1, MAX_PORT)
  return { host, port }
}
