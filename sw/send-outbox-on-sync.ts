import { DEFAULT_OUTBOX } from '../src/core/settings.ts'
import { clock, log, openBroadcast, random } from '../src/hub/browser-platform.ts'
import { browserSocket } from '../src/hub/browser-socket.ts'
import { createIndexedDbStore } from '../src/storage/indexeddb-store.ts'
import { createSender, MessagesLeft } from './send-once.ts'
import { sendOutbox, type SendPorts } from './send-outbox.ts'
import { scopeOfTag } from './sync-tag.ts'
import { LEAVE } from './worker-words.ts'
import type { WorkerScope } from './worker-scope.ts'

declare const self: WorkerScope

/** What {@link sendOutboxOnSync} can be told. */
export interface SendOutboxOptions {
  /** The app's `outbox.maxAgeMs`, when it gives one to `connect`: older messages are left to a tab, which tells of their end. @defaultValue 14 days */
  readonly maxAgeMs?: number
}

const ports: SendPorts = {
  clock,
  random,
  log,
  get locks() {
    return navigator.locks
  },
  openBroadcast,
  openSocket: browserSocket,
  async store(scope) {
    const name = `holdfast:${scope}`
    // Opening one that is not there would make it.
    const known = await indexedDB.databases()
    if (!known.some((database) => database.name === name)) return null
    return createIndexedDbStore({ name, clock, random, limits: DEFAULT_OUTBOX, durability: 'strict', repairs: false })
  },
}

/**
 * Sends what tabs left in their outboxes, when the browser says by a `sync` event that there is a network again. The events are asked for by the pages
 * (`holdfast/sw/register`). To be called once, while the service worker's script runs for the first time.
 */
export function sendOutboxOnSync({ maxAgeMs = DEFAULT_OUTBOX.maxAgeMs }: SendOutboxOptions = {}): void {
  const leave = new AbortController()
  const send = createSender((scope) => sendOutbox(ports, scope, maxAgeMs, leave.signal))
  self.addEventListener('sync', (event) => {
    const scope = scopeOfTag(event.tag)
    if (scope === null) return
    // After the last event of a tag there is no other, whatever this one says.
    event.waitUntil(event.lastChance ? send(scope).catch(() => {}) : send(scope))
  })
  self.addEventListener('unhandledrejection', (event) => {
    // Browsers call what an event rejects with an uncaught error. This one is the word for "call me again".
    if (event.reason instanceof MessagesLeft) event.preventDefault()
  })
  self.addEventListener('message', ({ data }) => {
    // For good: a tag that was asked for again while its event ran fires once more at once, and would keep the new version waiting.
    if (data === LEAVE) leave.abort()
  })
}
