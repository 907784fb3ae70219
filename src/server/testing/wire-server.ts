import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createLiveServer, type LiveServer } from '../live-server.ts'
import type { Authenticated, LiveServerOptions } from '../options.ts'

/** A live server on a real port. */
export interface WireServer {
  readonly live: LiveServer
  readonly http: Server
  readonly port: number
  readonly url: string
  stop(): Promise<void>
}

/** Starts a live server on a free port of this machine. */
export async function startWireServer<A extends Authenticated = Authenticated>(options: LiveServerOptions<A> = {}): Promise<WireServer> {
  const live = createLiveServer({ log: () => {}, authorize: () => true, ...options })
  const http = createServer((_request, response) => response.writeHead(200).end('page'))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  live.attach(http)
  const address = http.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    live,
    http,
    port,
    url: `ws://127.0.0.1:${port}/live`,
    async stop() {
      await live.close({ drainMs: 100 })
      http.closeAllConnections()
      http.close()
    },
  }
}
