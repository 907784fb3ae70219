import { decodeServerMessage } from '../protocol/server-codec.ts'
import type { CoreEvent } from './events.ts'
import type { Log, OpenSocket, Socket } from './ports.ts'

/** The one socket the machine hears. */
export interface CurrentSocket {
  /** Opens another; the one before is not heard any more. */
  open(): void
  /** Sends while there is a socket. */
  send(text: string): void
  /** Gives the socket up: nothing of it is heard any more. */
  close(code: number, reason: string): void
}

/** Turns what the newest socket says into events. Some browsers deliver the last events of an ended socket late: they are dropped here. */
export function createCurrentSocket(openSocket: OpenSocket, dispatch: (event: CoreEvent) => void, log: Log): CurrentSocket {
  let socket: Socket | null = null

  return {
    open() {
      const mine: { socket?: Socket } = {}
      const current = (): boolean => socket !== null && socket === mine.socket
      mine.socket = openSocket({
        opened: () => current() && dispatch({ type: 'opened' }),
        frame(text) {
          if (!current()) return
          const decoded = text === null ? null : decodeServerMessage(text)
          if (decoded?.ok) return dispatch({ type: 'frame', message: decoded.message })
          log({ level: 'error', event: 'bad-frame', error: decoded?.error ?? 'binary' })
          dispatch({ type: 'bad-frame' })
        },
        closed(code) {
          if (!current()) return
          socket = null
          dispatch({ type: 'closed', code })
        },
      })
      socket = mine.socket
    },
    send: (text) => socket?.send(text),
    close(code, reason) {
      socket?.close(code, reason)
      socket = null
    },
  }
}
