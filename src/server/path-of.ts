import type { IncomingMessage } from 'node:http'

/** The path of a request as it was written, without its query. */
export function pathOf({ url }: IncomingMessage): string {
  const path = url ?? ''
  const query = path.indexOf('?')
  return query === -1 ? path : path.slice(0, query)
}
