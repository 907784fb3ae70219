import type { OpenSocket } from '../core/ports.ts'

/** "Closed abnormally": what a browser says of a socket that never opened. */
const ABNORMAL = 1006

/** Opens the browser's own WebSockets to `url`. */
export function browserSocket(url: string): OpenSocket {
  return (listener) => {
    const socket = newSocket(url)
    if (!socket) {
      queueMicrotask(() => listener.closed(ABNORMAL))
      return { send: () => {}, bufferedBytes: () => 0, close: () => {} }
    }
    const ears = new AbortController()
    const { signal } = ears
    let ended = false
    const end = (code: number): void => {
      if (ended) return
      ended = true
      ears.abort()
      listener.closed(code)
    }
    socket.addEventListener('open', () => listener.opened(), { signal })
    socket.addEventListener('message', ({ data }) => listener.frame(typeof data === 'string' ? data : null), { signal })
    socket.addEventListener('close', ({ code }) => end(code), { signal })
    return {
      send: (text) => socket.send(text),
      bufferedBytes: () => socket.bufferedAmount,
      close(code, reason) {
        ended = true
        ears.abort()
        socket.close(code, reason)
      },
    }
  }
}

/** `null` when the browser will not even try, as with `ws:` from a page that came by `https:`. */
function newSocket(url: string): WebSocket | null {
  try {
    return new WebSocket(url)
  } catch {
    return null
  }
}
