import { CONTROL } from '../protocol/frames.ts'
import { CLIENT_INCOMING } from '../protocol/incoming.ts'
import { Line } from '../protocol/line.ts'
import { decodeServerMessage } from '../protocol/server-codec.ts'
import type { CoreEvent } from './events.ts'
import type { Log, OpenSocket, Socket, SteadyClock } from './ports.ts'

/** The one socket the machine hears. */
export interface CurrentSocket {
  /** Opens another; the one before is not heard any more. No frame is longer than `partBytes`. */
  open(partBytes: number): void
  /** Sends on a lane while there is a socket. */
  send(text: string, lane?: number): void
  /** Whether something that was sent waits for the line. */
  isBehind(): boolean
  /** Gives the socket up: nothing of it is heard any more. */
  close(code: number, reason: string): void
}

/**
 * Turns what the newest socket says into events. Some browsers deliver the last events of an ended socket late: they
 * are dropped here.
 */
export function createCurrentSocket(
  openSocket: OpenSocket,
  clock: Pick<SteadyClock, 'steadyMs'>,
  dispatch: (event: CoreEvent) => void,
  log: Log,
): CurrentSocket {
  let current: { readonly socket: Socket; readonly line: Line } | null = null

  const hear = (text: string, mine: Line): void => {
    const heard = mine.receive(text)
    if (heard.type === 'bad') return bad('frame')
    if (heard.type !== 'message')
      return dispatch({ type: 'progress', hasMoved: heard.type === 'part' || (heard.type === 'report' && heard.hasMoved) })
    const decoded = decodeServerMessage(heard.text)
    if (decoded.ok) dispatch({ type: 'frame', message: decoded.message })
    else bad(decoded.error)
  }

  const bad = (error: string): void => {
    log({ level: 'error', event: 'bad-frame', error })
    dispatch({ type: 'bad-frame' })
  }

  return {
    open(partBytes) {
      const mine: { socket?: Socket } = {}
      const isCurrent = (): boolean => current !== null && current.socket === mine.socket
      const line = new Line({ nowMs: () => clock.steadyMs(), write: ({ text }) => mine.socket?.send(text) }, CLIENT_INCOMING)
      line.out.partBytes = partBytes
      mine.socket = openSocket({
        opened: () => isCurrent() && dispatch({ type: 'opened' }),
        frame(text) {
          if (!isCurrent()) return
          if (text === null) bad('binary')
          else hear(text, line)
        },
        closed(code) {
          if (!isCurrent()) return
          current = null
          dispatch({ type: 'closed', code })
        },
      })
      current = { socket: mine.socket, line }
    },
    send: (text, lane = CONTROL) => current?.line.out.send(lane, { text }),
    isBehind: () => current !== null && current.line.out.queued > 0,
    close(code, reason) {
      current?.socket.close(code, reason)
      current = null
    },
  }
}
