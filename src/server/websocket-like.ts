/** An open WebSocket of any library. */
export interface WebSocketLike {
  /** 1 while it is open. */
  readonly readyState: number
  /** Bytes that `send` has taken and the network has not. */
  readonly bufferedAmount: number
  send(text: string): unknown
  close(code?: number, reason?: string): unknown
  /** Stops reading, and goes on: `ws` can. Where one cannot, what comes too fast is kept for a while. */
  pause?(): unknown
  resume?(): unknown
  /** Cuts it, when its peer does not answer a close. */
  terminate?(): unknown
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): unknown
  addEventListener(type: 'close' | 'error', listener: (event: object) => void): unknown
  /** `ws` tells of pings and pongs, which show that the peer lives. */
  on?(event: 'ping' | 'pong', listener: () => void): unknown
}

/** A WebSocket, or what a framework wraps around one: a peer of crossws (`websocket`), a context of Hono (`raw`). */
export type AcceptedSocket = WebSocketLike | { readonly websocket?: unknown } | { readonly raw?: unknown }

/** The request a socket began as: of Node, of Fastify, or a `Request`. */
export interface AcceptedRequest {
  readonly headers: object
  readonly socket?: { readonly remoteAddress?: string | undefined }
  /** Where `socket` does not say it. */
  readonly remoteAddress?: string | undefined
}

/** The WebSocket in what a framework gives; `undefined` when there is none. */
export function webSocketOf(given: unknown): WebSocketLike | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  if (isWebSocketLike(given)) return given
  const inner = 'websocket' in given ? given.websocket : 'raw' in given ? given.raw : undefined
  return typeof inner === 'object' && inner !== null && isWebSocketLike(inner) ? inner : undefined
}

function isWebSocketLike(given: object): given is WebSocketLike {
  return (
    'send' in given &&
    typeof given.send === 'function' &&
    'close' in given &&
    typeof given.close === 'function' &&
    'addEventListener' in given &&
    typeof given.addEventListener === 'function' &&
    'bufferedAmount' in given &&
    typeof given.bufferedAmount === 'number'
  )
}
