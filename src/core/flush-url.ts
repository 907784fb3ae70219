/**
 * Address of the outbox endpoint that belongs to a `ws:` or `wss:` address: the same host and path with `/outbox` behind it, over `http:` or `https:`. A query is left
 * behind, for it may hold what is meant for the socket alone.
 */
export function flushUrl(socketUrl: string): string {
  const [path = ''] = socketUrl.split(/[?#]/)
  return `${path.replace(/^ws/, 'http').replace(/\/$/, '')}/outbox`
}
