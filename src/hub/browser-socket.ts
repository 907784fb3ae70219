import type { OpenSocket } from '../core/ports.ts'

/** Opens the browser's own WebSockets to `url`. */
export function browserSocket(url: string): OpenSocket {
  return (listener) => {
    const socket = new WebSocket(url)
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
