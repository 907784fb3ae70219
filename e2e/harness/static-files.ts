import { createReadStream, existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/** An http server of the files below `folder`. `headersOf` adds headers to the answer for a path and its query; what `refuses` says yes to is not found. */
export function serveFiles(
  folder: string,
  headersOf: (path: string, query: string) => Readonly<Record<string, string>> = () => ({}),
  refuses: (request: IncomingMessage) => boolean = () => false,
): Server {
  return createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
    const path = join(folder, normalize(pathname === '/' ? '/index.html' : pathname))
    if (!path.startsWith(folder) || !existsSync(path) || refuses(request)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { ...headersOf(pathname, search), 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
    createReadStream(path).pipe(response)
  })
}
