import type { ServerMessage } from '../../protocol/messages.ts'
import { createFarLine } from './far-line.ts'
import type { OpenSocket, SocketListener } from '../ports.ts'

/** The server's side of one socket. */
interface ServerSide {
  hear(text: string): void
}

/** What a server is given for each socket. */
interface ClientSide {
  send(message: ServerMessage): void
  close(code: number): void
}

/**
 * The network between clients and one server: in each direction everything arrives in order, at a time of its own, or
 * is lost with the socket.
 */
export interface ScheduledNetwork {
  /** Sockets of one worker. `heard` is told of every message that is short before it leaves. */
  socketsOf(life: { readonly isAlive: boolean }, heard: (text: string) => void): OpenSocket
  /** Every socket breaks. What was on its way to the server still arrives, or does not. */
  cut(arrives: boolean): void
}

interface Wire {
  readonly listener: SocketListener
  readonly up: string[]
  isCut: boolean
}

/** Makes a network in which `schedule` says when a frame arrives. */
export function createScheduledNetwork(
  connect: (peer: ClientSide) => ServerSide,
  schedule: (label: string) => Promise<void>,
): ScheduledNetwork {
  const wires = new Set<Wire>()

  const breakWire = (wire: Wire, code: number): void => {
    if (wire.isCut) return
    wire.isCut = true
    wires.delete(wire)
    void schedule('socket closes').then(() => wire.listener.closed(code))
  }

  return {
    socketsOf: (life, heard) => (given) => {
      let isClosed = false
      // Some browsers deliver the last frames of a socket after its owner has closed it.
      const listener: SocketListener = {
        opened: () => life.isAlive && given.opened(),
        frame: (text) => life.isAlive && given.frame(text),
        closed: (code) => life.isAlive && !isClosed && given.closed(code),
      }
      const wire: Wire = { listener, up: [], isCut: false }
      wires.add(wire)
      const down: (string | number)[] = []
      const deliverDown = (): void => {
        const next = down.shift()
        if (wire.isCut || next === undefined) return
        if (typeof next === 'string') return listener.frame(next)
        wire.isCut = true
        wires.delete(wire)
        listener.closed(next)
      }
      const deliverUp = (): void => {
        const next = wire.up.shift()
        if (next !== undefined) far.hear(next)
      }
      const arrive = (item: string | number): void => {
        if (wire.isCut) return
        down.push(item)
        void schedule('frame down').then(deliverDown)
      }
      const far = createFarLine(arrive, (text) => server.hear(text))
      const server = connect({ send: (message) => arrive(JSON.stringify(message)), close: (code) => arrive(code) })
      void schedule('socket opens').then(() => {
        if (!wire.isCut) listener.opened()
      })
      return {
        send(text) {
          if (!life.isAlive) return
          if (text.startsWith('{')) heard(text)
          if (wire.isCut) return
          wire.up.push(text)
          void schedule('frame up').then(deliverUp)
        },
        bufferedBytes: () => 0,
        close: () => void (isClosed = true),
      }
    },
    cut(arrives) {
      for (const wire of wires) {
        if (!arrives) wire.up.length = 0
        breakWire(wire, 1006)
      }
    },
  }
}
