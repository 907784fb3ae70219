import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** A listening port of 127.0.0.1 that can be shut and opened again under the same number. */
export interface FaultListener {
  readonly port: number
  /** Listens, or makes connecting fail with ECONNREFUSED. Accepted sockets are not touched. Calls are carried out one after the other. */
  listen(listening: boolean): Promise<void>
}

/** Opens `wanted`, or a port that the system chooses when it is 0. */
export async function createFaultListener(wanted: number, accept: (socket: Socket) => void): Promise<FaultListener> {
  let server: Server | undefined
  let port = wanted
  let done: Promise<void> = Promise.resolve()

  const carryOut = async (listening: boolean): Promise<void> => {
    if (listening && !server) {
      const opening = createServer({ allowHalfOpen: true, noDelay: true }, accept).listen(port, '127.0.0.1')
      await once(opening, 'listening')
      server = opening
      port = Object(opening.address()).port
    } else if (!listening) {
      server?.close()
      server = undefined
    }
  }
  const listen = (listening: boolean): Promise<void> => (done = done.then(() => carryOut(listening)))

  await listen(true)
  return { port, listen }
}
