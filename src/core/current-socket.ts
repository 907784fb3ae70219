import { CONTROL } from '../protocol/frames.ts'
import { Line } from '../protocol/line.ts'
import { decodeServerMessage } from '../protocol/server-codec.ts'
import type { CoreEvent } from './events.ts'
import type { Log, OpenSocket, Socket, SteadyClock } from './ports.ts'

/** As much as a server may be set to. One that lets more begin is not heard any more. */
const INCOMING = { messageBytes: 2 ** 28, bytes: 2 ** 29, lanes: 2 ** 15, partUnits: 1 }

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
  let socket: Socket | null = null
  let line: Line | null = null

  const newLine = (write: (text: string) => void): Line =>
    new Line({ nowMs: () => clock.steadyMs(), write: ({ text }) => write(text) }, INCOMING)

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
      const current = (): boolean => socket !== null && socket === mine.socket
      const own = newLine((text) => mine.socket?.send(text))
      own.out.partBytes = partBytes
      mine.socket = openSocket({
        opened: () => current() && dispatch({ type: 'opened' }),
        frame(text) {
          if (!current()) return
          if (text === null) bad('binary')
          else hear(text, own)
        },
        closed(code) {
          if (!current()) return
          socket = null
          dispatch({ type: 'closed', code })
        },
      })
      socket = mine.socket
      line = own
    },
    send: (text, lane = CONTROL) => socket && line?.out.send(lane, { text }),
    isBehind: () => (line?.out.queued ?? 0) > 0,
    close(code, reason) {
      socket?.close(code, reason)
      socket = null
    },
  }
}
