import { WebSocket } from 'ws'
import type { OpenSocket } from '../src/core/ports.ts'

/** Opens WebSockets from Node, as a hub does in a browser. */
export function nodeSocket(url: string): OpenSocket {
  return (listener) => {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    let ended = false
    // What went wrong is told once more, as `close`.
    socket.on('error', () => {})
    socket.on('open', () => ended || listener.opened())
    socket.on('message', (data: Buffer, isBinary) => ended || listener.frame(isBinary ? null : data.toString()))
    socket.on('close', (code) => {
      if (ended) return
      ended = true
      listener.closed(code)
    })
    return {
      send: (text) => socket.send(text),
      bufferedBytes: () => socket.bufferedAmount,
      close(code, reason) {
        ended = true
        // A browser lets go of a socket whose peer is silent; this one would wait for half a minute.
        if (socket.readyState === WebSocket.OPEN) socket.close(code, reason)
        setTimeout(() => socket.terminate(), 1_000).unref()
      },
    }
  }
}
