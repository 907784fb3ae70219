import { createReadStream, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import type { PageEvent, PageFacts, PageOrder, PageReport } from './page/page-event.ts'

/** What is known of one page load. */
export interface PageLog {
  readonly page: string
  readonly tab: string
  readonly user: string
  readonly events: PageEvent[]
  facts: PageFacts
  heardAtMs: number
}

/** Serves the pages and hears what they have to tell. Not behind the fault proxies: what is told must arrive. */
export interface Desk {
  readonly url: string
  /** Every page load so far, in the order of their first reports. */
  readonly pages: ReadonlyMap<string, PageLog>
  /** The page that a tab shows, as far as it was heard of. */
  pageOf(tab: string): PageLog | undefined
  /** Asks a tab to send. Those that do not come for their orders get no more than a few. */
  order(tab: string, order: PageOrder): void
  /** Takes back what was not fetched. */
  clearOrders(): void
  close(): void
}

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' }
const MOST_ORDERS = 20

/** Opens a desk; `broken` is told what a report did not fit. */
export async function openDesk(site: string, broken: (why: string) => void): Promise<Desk> {
  const pages = new Map<string, PageLog>()
  const shown = new Map<string, PageLog>()
  const orders = new Map<string, PageOrder[]>()

  const take = ({ page, tab, user, from, events, facts }: PageReport): void => {
    const log = pages.get(page) ?? { page, tab, user, events: [], facts, heardAtMs: 0 }
    pages.set(page, log)
    shown.set(tab, log)
    if (from > log.events.length) broken(`${page} reports from ${from}, ${log.events.length} are known`)
    log.events.push(...events.slice(log.events.length - from))
    log.facts = facts
    log.heardAtMs = Date.now()
  }

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'POST') {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => (body += text))
      // A report that was cut off on its way comes again. Who cannot wait takes no orders.
      request.on('end', () => {
        const report = JSON.parse(body) as PageReport
        take(report)
        const given = pathname === '/told' ? [] : (orders.get(report.tab)?.splice(0) ?? [])
        response.setHeader('content-type', 'application/json').end(JSON.stringify(given))
      })
      return
    }
    // What a site answers to a sign-out.
    if (pathname === '/clear') return void response.writeHead(200, { 'clear-site-data': '"storage"' }).end()
    const path = join(site, normalize(pathname === '/' ? '/index.html' : pathname))
    if (!path.startsWith(site) || !existsSync(path)) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
    createReadStream(path).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pages,
    pageOf: (tab) => shown.get(tab),
    order(tab, order) {
      const waiting = orders.get(tab) ?? []
      orders.set(tab, waiting)
      if (waiting.length < MOST_ORDERS) waiting.push(order)
    },
    clearOrders: () => orders.clear(),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
