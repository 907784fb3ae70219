import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** A channel that a handler publishes to besides: it is as any other, or cannot be made. */
export type SecondChannel = 'fine' | 'no room' | 'throws' | 'nonsense'

/** What a server can be asked to do. */
export type ServerOrder =
  | { readonly type: 'publish'; readonly channel: string; readonly count: number }
  /** The next calls of the handler throw. */
  | { readonly type: 'throw'; readonly count: number }
  /** The next calls of the handler take so long. */
  | { readonly type: 'slow'; readonly count: number; readonly ms: number }
  /** The next calls of the handler publish to more than one channel. */
  | { readonly type: 'second'; readonly count: number; readonly channel: SecondChannel }
  /** The wall clock is off by so much from now on. */
  | { readonly type: 'clock'; readonly offMs: number }
  /** The event loop stands still. */
  | { readonly type: 'block'; readonly ms: number }
  | { readonly type: 'fail-snapshots'; readonly ms: number }
  | { readonly type: 'close'; readonly drainMs: number }

/** How a server makes way for the next: killed, or with time to say goodbye and to finish what it is at. */
export interface Replacement {
  readonly drainMs?: number
  readonly pauseMs: number
}

/** The server of now, and its successors. */
export interface ServerProcess {
  /** Port of the newest server. */
  readonly port: number
  /** Nothing happens while no server runs. */
  order(order: ServerOrder): void
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Ends it, and starts another one after a pause. Who asks while that is under way has his turn afterwards. */
  replace(how: Replacement): Promise<void>
  /** Ends for good. */
  stop(): Promise<void>
}

/** Starts the server program with its journal, for these users. `moved` is told the port of each new one; `died` when one ends that nobody ended. */
export async function startServer(
  program: string,
  journal: string,
  users: readonly string[],
  moved: (port: number) => void,
  died: (why: string) => void,
): Promise<ServerProcess> {
  let child: ChildProcess | undefined
  let exited: Promise<unknown> = Promise.resolve()
  let port = 0

  const start = async (): Promise<void> => {
    const starting = fork(program, [journal, ...users], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    exited = once(starting, 'exit').then(([code, signal]) => {
      if (child === starting) died(`exit ${String(code)} ${String(signal)}`)
      child = undefined
    })
    child = starting
    const [ready] = (await once(starting, 'message')) as [{ port: number }]
    port = ready.port
    moved(port)
  }
  const kill = async (): Promise<void> => {
    const ending = child
    child = undefined
    ending?.kill('SIGKILL')
    await exited
  }

  const close = async (drainMs: number): Promise<void> => {
    const ending = child
    child = undefined
    ending?.send({ type: 'close', drainMs } satisfies ServerOrder)
    await exited
  }

  await start()
  let turn = Promise.resolve()
  return {
    get port() {
      return port
    },
    order(order) {
      if (child?.connected) child.send(order, () => {})
    },
    signal: (signal) => void child?.kill(signal),
    replace({ drainMs, pauseMs }) {
      return (turn = turn.then(async () => {
        await (drainMs === undefined ? kill() : close(drainMs))
        await sleep(pauseMs)
        await start()
      }))
    },
    stop: kill,
  }
}
