import { createFarLine } from './far-line.ts'
import type { OpenSocket, SocketListener } from '../ports.ts'
import type { ServerMessage } from '../../protocol/messages.ts'

/** One socket as its server sees it. */
export interface SocketDouble {
  readonly listener: SocketListener
  /** Decoded frames of the client, oldest first. */
  readonly received: { readonly type: string; readonly [field: string]: unknown }[]
  /** The code it was closed with by the client. */
  closedWith: number | null
  send(...messages: readonly ServerMessage[]): void
}

/** A server's end of every socket that is opened. */
export interface SocketDoubles {
  readonly all: SocketDouble[]
  readonly open: OpenSocket
  /** The newest socket. */
  last(): SocketDouble
}

/** Sockets that only record. */
export function createSocketDoubles(): SocketDoubles {
  const all: SocketDouble[] = []
  return {
    all,
    open(listener) {
      const socket: SocketDouble = {
        listener,
        received: [],
        closedWith: null,
        send: (...messages) => messages.forEach((message) => listener.frame(JSON.stringify(message))),
      }
      const far = createFarLine(
        (frame) => listener.frame(frame),
        (text) => void socket.received.push(JSON.parse(text) as SocketDouble['received'][number]),
      )
      all.push(socket)
      return {
        send: (text) => far.hear(text),
        bufferedBytes: () => 0,
        close: (code) => void (socket.closedWith = code),
      }
    },
    last() {
      const socket = all[all.length - 1]
      if (!socket) throw new Error('no socket was opened')
      return socket
    },
  }
}
