import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const DIST = new URL('../dist/', import.meta.url)

/** A page server on which one build of the probe follows another. */
export interface Deployment {
  readonly url: string
  /** The build that is served now. What earlier ones had stays, as it does where names carry a hash. */
  build: string
  /** Changes the scripts of one build. */
  readonly edits: Map<string, (script: string) => string>
  close(): void
}

/** Serves the probe. Each build has addresses of its own for the same scripts, so that its hub is another worker. */
export async function deploy(build: string): Promise<Deployment> {
  const answer = async (path: string): Promise<readonly [type: string, text: string]> => {
    if (path === '/') {
      const page = await readFile(new URL('index.html', DIST), 'utf8')
      return ['text/html', page.replaceAll('./assets/', `./${deployment.build}/assets/`)]
    }
    const [, of = '', file = ''] = /^\/(?:([\w-]+)\/)?((?:assets\/)?[\w.-]+\.js)$/.exec(path) ?? []
    const script = await readFile(new URL(file, DIST), 'utf8')
    // Without a build in its address it is the newest one's.
    const edit = deployment.edits.get(of || deployment.build)
    return ['text/javascript', edit ? edit(script) : script]
  }
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://localhost').pathname).then(
      ([type, text]) => response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' }).end(text),
      () => response.writeHead(404).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const deployment: Deployment = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    build,
    edits: new Map(),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return deployment
}
