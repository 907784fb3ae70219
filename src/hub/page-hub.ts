/**
 * The hub in the page itself, which loads this file only where the browser refuses it locks and storage: a sandboxed
 * frame, or a user who blocks all site data.
 *
 * @packageDocumentation
 */
import type { LocalHub, OpenLocalHubs } from '../bridge/local-hubs.ts'
import { parseHubName } from '../bridge/lock-names.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import { clock, log, random } from './browser-platform.ts'
import { browserSocket } from './browser-socket.ts'
import { createHub } from './hub.ts'
import type { HubMark, HubPlatform } from './platform.ts'

/** Later than any hub: who hears of such a one lets go. */
const LATER: HubMark = { epoch: Infinity, instance: '', sees: [] }

/** Hubs of one page, with a lock table and a memory of their own. */
export const openLocalHubs: OpenLocalHubs = () => {
  const locks = new PrivateLocks()
  return { locks, start: (name) => startHub(name, locks) }
}

function startHub(name: string, locks: PrivateLocks): LocalHub {
  const named = parseHubName(name)
  if (!named) throw new HoldfastError('invalid-option', `"${name}" is no name of a hub`)
  let hear = (_mark: HubMark): void => {}
  const store: HubPlatform['memoryStore'] = ({ outbox }) => createMemoryStore({ clock, random, limits: outbox })
  const hub = createHub({
    clock,
    random,
    locks,
    log,
    ...named,
    url: location.href,
    hubs: { tell: () => {}, listen: (listener) => void (hear = listener) },
    shared: false,
    openSocket: browserSocket,
    durableStore: store,
    memoryStore: store,
  })
  return { connect: (port) => hub.connect(port), end: () => hear(LATER) }
}
