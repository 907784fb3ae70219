import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** What a server can be asked to do. */
export type ServerOrder =
  | { readonly type: 'publish'; readonly channel: string; readonly count: number }
  /** The next calls of the handler throw. */
  | { readonly type: 'throw'; readonly count: number }
  /** The next calls of the handler take so long. */
  | { readonly type: 'slow'; readonly count: number; readonly ms: number }
  /** The event loop stands still. */
  | { readonly type: 'block'; readonly ms: number }
  | { readonly type: 'fail-snapshots'; readonly ms: number }
  | { readonly type: 'close'; readonly drainMs: number }

/** The server of now, and its successors. */
export interface ServerProcess {
  /** Port of the newest server. */
  readonly port: number
  /** Nothing happens while no server runs. */
  order(order: ServerOrder): void
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  kill(): Promise<void>
  /** Lets it say goodbye and finish what it is at. */
  close(drainMs: number): Promise<void>
  start(): Promise<void>
  /** Ends for good. */
  stop(): Promise<void>
}

/** Starts the server program with its journal. `moved` is told the port of each new one; `died` when one ends that nobody ended. */
export async function startServer(
  program: string,
  journal: string,
  moved: (port: number) => void,
  died: (why: string) => void,
): Promise<ServerProcess> {
  let child: ChildProcess | undefined
  let exited: Promise<unknown> = Promise.resolve()
  let port = 0

  const start = async (): Promise<void> => {
    const starting = fork(program, [journal], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
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

  await start()
  return {
    get port() {
      return port
    },
    order(order) {
      if (child?.connected) child.send(order, () => {})
    },
    signal: (signal) => void child?.kill(signal),
    kill,
    async close(drainMs) {
      const ending = child
      child = undefined
      ending?.send({ type: 'close', drainMs } satisfies ServerOrder)
      await exited
    },
    start,
    stop: kill,
  }
}
