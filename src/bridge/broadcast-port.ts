import { isId } from '../protocol/decode.ts'
import type { Id } from '../protocol/messages.ts'
import type { BridgePort } from './bridge-port.ts'

/** The part of a `BroadcastChannel` that is used: everybody hears a message but the object that posts it. */
export interface Broadcast {
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  postMessage(message: unknown): void
  close(): void
}

/** Opens the broadcast channel of that name. */
export type OpenBroadcast = (name: string) => Broadcast

/**
 * What is said under the hub's name, where all hear it: a tab wants a port, or a hub has just begun to listen.
 * Everything else is said under a name that only the two ends of a port know, so that a tab is not woken by what is
 * meant for another one.
 */
type Call = { readonly open: Id } | { readonly listening: true }

/**
 * What the ends of a port say. `hub` names one run of a hub: frames to and from another one, which is dying, are
 * dropped.
 */
interface Frame {
  readonly hub: Id
  /** Absent in the hub's first frame, which says that it hears. */
  readonly data?: unknown
}

/**
 * Opens a port to whichever hub listens under `name`, now or later. A hub that hears is not yet one that answers: it
 * may be about to end, and nobody could say so.
 * Until one has answered, what is posted goes to every hub that hears; the port is that of the first to answer.
 * @param id names the port; random
 * @param answered a hub has answered
 */
export function openBroadcastPort(open: OpenBroadcast, name: string, id: Id, answered: () => void): BridgePort {
  const calls = open(name)
  const line = open(lineName(name, id))
  const posted: unknown[] = []
  const hearing: Id[] = []
  let hub: Id | null = null
  let hear = (_event: { readonly data: unknown }): void => {}

  const call = (): void => calls.postMessage({ open: id } satisfies Call)
  const post = (to: Id, message: unknown): void => line.postMessage({ hub: to, data: message } satisfies Frame)
  calls.addEventListener('message', ({ data }) => {
    if (fields(data)['listening'] === true) call()
  })
  line.addEventListener('message', ({ data }) => {
    const frame = fields(data)
    const from = frame['hub']
    if (!isId(from) || from !== (hub ?? from)) return
    if (!('data' in frame)) {
      hearing.push(from)
      for (const message of posted) post(from, message)
      return
    }
    if (!hub) {
      hub = from
      calls.close()
      posted.length = 0
      answered()
    }
    hear({ data: frame['data'] })
  })

  return {
    addEventListener: (_type, listener) => void (hear = listener),
    postMessage(message) {
      if (hub) return post(hub, message)
      posted.push(message)
      for (const one of hearing) post(one, message)
    },
    start: call,
    close() {
      calls.close()
      line.close()
    },
  }
}

/**
 * Gives every tab that opens a port under `name` its other end, until the worker ends.
 * @param hub names this run of the hub; random
 */
export function listenForPorts(open: OpenBroadcast, name: string, hub: Id, connect: (port: BridgePort) => void): void {
  const calls = open(name)
  const served = new Set<Id>()

  const endOf = (id: Id): BridgePort => {
    const line = open(lineName(name, id))
    return {
      addEventListener: (_type, listener) =>
        line.addEventListener('message', ({ data }) => {
          const frame = fields(data)
          if (frame['hub'] === hub && 'data' in frame) listener({ data: frame['data'] })
        }),
      postMessage: (message) => line.postMessage({ hub, data: message } satisfies Frame),
      // Not before: what the tab says to a hub that does not listen yet is lost.
      start: () => line.postMessage({ hub } satisfies Frame),
      close() {
        served.delete(id)
        line.close()
      },
    }
  }

  calls.addEventListener('message', ({ data }) => {
    const { open: id } = fields(data)
    if (!isId(id) || served.has(id)) return
    served.add(id)
    connect(endOf(id))
  })
  // Tabs may have called while there was nobody to hear.
  calls.postMessage({ listening: true } satisfies Call)
}

function lineName(name: string, id: Id): string {
  return `${name}:${id}`
}

/** Any script of the origin may post anything. */
function fields(data: unknown): Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>) : {}
}
