import type { OpenBroadcast } from '../bridge/broadcast-port.ts'
import { hubsChannelName } from '../bridge/lock-names.ts'
import * as read from '../protocol/decode.ts'
import type { HubMark, OtherHubs } from './platform.ts'

/** Hubs that a mark may name. */
const MAX_SEEN = 1_000

/** The other hubs of the scope, over a broadcast channel. Any script of the origin can write there: what is no mark is not heard. */
export function broadcastHubs(open: OpenBroadcast, scope: string): OtherHubs {
  const channel = open(hubsChannelName(scope))
  return {
    tell: (mark) => channel.postMessage(mark),
    listen: (listener) =>
      channel.addEventListener('message', ({ data }) => {
        const mark = markOf(data)
        if (mark) listener(mark)
      }),
  }
}

function markOf(value: unknown): HubMark | null {
  try {
    const fields = read.object(value, 'mark')
    return {
      epoch: read.integer(fields['epoch'], 'epoch'),
      instance: read.id(fields['instance'], 'instance'),
      sees: read.array(fields['sees'], 'sees', MAX_SEEN, (id) => read.id(id, 'sees')),
    }
  } catch {
    return null
  }
}
