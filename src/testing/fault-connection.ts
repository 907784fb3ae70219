import { connect, type Socket } from 'node:net'
import type { Direction, Fault } from './fault.ts'
import { createFaultPipe, type FaultPipe } from './fault-pipe.ts'
import { readFault } from './read-fault.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Where a proxy passes connections on to. */
export interface ProxyTarget {
  readonly host: string
  readonly port: number
}

/** One connection through a proxy; its counters stay readable after it has closed. */
export interface FaultConnection {
  /** 1 for the proxy's first connection. */
  readonly number: number
  readonly open: boolean
  /** Settles when both ends are closed. */
  readonly closed: Promise<void>
  /** Bytes passed on in each direction. */
  readonly bytes: { readonly [Way in Direction]: number }
  /**
   * Replaces the fault of this connection alone. `refuse` and `answer` mean nothing to an open connection. @throws
   * HoldfastError `invalid-option`
   */
  set(fault: Fault): void
}

/** Passes an accepted connection on to the target, under a fault from its first byte on. */
export function createFaultConnection(
  number: number,
  client: Socket,
  target: ProxyTarget,
  random: SeededRandom,
  first: Fault,
): FaultConnection {
  const pipes: { [Way in Direction]?: FaultPipe } = {}
  const sockets = [client]
  const bytes = {
    get toServer(): number {
      return pipes.toServer?.bytes ?? 0
    },
    get toClient(): number {
      return pipes.toClient?.bytes ?? 0
    },
  }

  const reset = (): void => {
    pipes.toServer?.stop()
    pipes.toClient?.stop()
    for (const socket of sockets) resetSocket(socket)
  }

  const set = (fault: Fault): void => {
    if (fault.kind === 'reset') reset()
    else if (fault.kind === 'half-close') pipes[fault.direction]?.end()
    else if (fault.kind !== 'refuse' && fault.kind !== 'answer') for (const pipe of Object.values(pipes)) pipe.set(fault)
  }

  if (first.kind === 'answer') client.once('data', () => client.end(first.response))
  else if (first.kind !== 'reset') {
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true })
    sockets.push(server)
    const ends = { toServer: { from: client, to: server }, toClient: { from: server, to: client } }
    for (const [at, direction] of (['toServer', 'toClient'] as const).entries()) {
      pipes[direction] = createFaultPipe({ ...ends[direction], direction, random: random.fork(at), onCut: reset })
    }
  }

  let open = true
  const closed = Promise.all(
    sockets.map((socket) => {
      // What goes wrong at one end is a reset at the other.
      socket.on('error', reset)
      return new Promise<void>((resolve) => socket.once('close', () => resolve()))
    }),
  ).then(() => {
    open = false
  })
  set(first)

  return {
    number,
    bytes,
    set: (fault) => set(readFault(fault)),
    closed,
    get open() {
      return open
    },
  }
}

/**
 * The system refuses to reset a socket whose end is just on its way, and Node would then never close it: that one is
 * reset a moment later.
 */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.once('finish', () => socket.resetAndDestroy())
  else socket.resetAndDestroy()
}
