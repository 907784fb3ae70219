import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { serveFiles } from './static-files.ts'

/** What a browser reports of something that a policy forbids. */
export interface Violation {
  readonly directive: string
  readonly blocked: string
  /** The page or script whose policy it is. */
  readonly of: string
}

/** The policies of an app's files, each without the address for reports. */
export interface Policies {
  readonly page: string
  /** A worker has the policy that its own script was answered with. */
  readonly hub: string
  readonly serviceWorker?: string
}

/** An app's files, each with its policy, and what browsers report of them. */
export interface StrictPages {
  readonly url: string
  /** What was reported, from pages and workers alike, in the order it came. */
  readonly violations: Violation[]
  close(): void
}

const FOLDER = fileURLToPath(new URL('../dist', import.meta.url))

/**
 * Serves the app's build under policies.
 * @param before script that the hub's file begins with
 */
export async function serveStrictly({ page, hub, serviceWorker = page }: Policies, before: string = ''): Promise<StrictPages> {
  const violations: Violation[] = []
  const policyOf = (path: string): string => (path.includes('hub') ? hub : path === '/sw.js' ? serviceWorker : page)
  const headersOf = (path: string): Record<string, string> => ({
    'cache-control': 'no-store',
    'content-security-policy': `${policyOf(path)}; report-uri ${pages.url}reports`,
  })
  const files = serveFiles(FOLDER, headersOf)

  const report = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { 'csp-report': given } = JSON.parse(body) as { 'csp-report': Record<string, string> }
    violations.push({
      directive: given['effective-directive'] ?? '',
      blocked: given['blocked-uri'] ?? '',
      of: new URL(given['document-uri'] ?? '').pathname,
    })
    response.writeHead(204).end()
  }
  const changedHub = async (path: string, response: ServerResponse): Promise<void> => {
    response.writeHead(200, { ...headersOf(path), 'content-type': 'text/javascript' })
    response.end(`${before}\n${await readFile(FOLDER + path, 'utf8')}`)
  }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/reports') void report(request, response)
    else if (before && pathname.includes('hub')) void changedHub(pathname, response)
    else files.emit('request', request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pages: StrictPages = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    violations,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return pages
}
