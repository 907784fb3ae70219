// The server, in a process of its own: `node server.mjs <journal>`, driven over IPC. It keeps its messages in memory and forgets them when it ends.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLiveServer, memoryEngine, Rejected, type Commit, type Engine, type Publication } from 'holdfast/server'
import { appendTo, readJournal, userChannel, type JournalPublication } from './journal.ts'
import type { ChaosMessage } from './page/page-event.ts'
import type { ServerOrder } from './server-process.ts'

/** What the handlers publish. */
interface Published {
  readonly name: string
}

const HISTORY = { messages: 400 }
const HEARTBEAT = { pingMs: 1_500, hiddenPingMs: 3_000, timeoutMs: 1_500 }

const [path = ''] = process.argv.slice(2)
const rows = readJournal(path)
const append = appendTo(path)
const server = rows.filter(({ type }) => type === 'started').length + 1
append({ type: 'started', atMs: Date.now(), server })

/** How many messages the database holds of each channel: its whole value. */
const counts = new Map<string, number>()
const count = (published: readonly JournalPublication[]): void => {
  for (const { channel } of published) counts.set(channel, (counts.get(channel) ?? 0) + 1)
}
for (const row of rows) if (row.type !== 'started') count(row.published)

/** The last call of a handler for each message that is not committed yet. */
const calls = new Map<string, { readonly key: string; readonly mayRepeat: boolean }>()
const names = ({ key, data }: Publication): JournalPublication => ({ channel: key, name: (JSON.parse(data) as Published).name })

/** The memory engine, which answers at once: what it has done is in the journal before anybody can have heard of it. */
function journalled(engine: Engine): Engine {
  const record = (user: string | null, client: string, { n, id, fate, publications }: Commit): void => {
    const published = publications.map(names)
    count(published)
    append({
      type: 'committed',
      atMs: Date.now(),
      server,
      client,
      user,
      n,
      id,
      ...calls.get(id),
      fate: fate?.kind ?? 'applied',
      published,
    })
    calls.delete(id)
  }
  return {
    get ledger() {
      return engine.ledger
    },
    get secret() {
      return engine.secret
    },
    revoke: (client) => engine.revoke(client),
    get revocations() {
      return engine.revocations
    },
    // Asked once for each connection that only sends.
    revokedAt(client) {
      append({ type: 'sendOnly', atMs: Date.now(), server, client, published: [] })
      return engine.revokedAt(client)
    },
    start: (host) => engine.start(host),
    open: (key) => engine.open(key),
    release: (key) => engine.release(key),
    accepts: (key) => engine.accepts(key),
    publish(publication) {
      const cursor = engine.publish(publication)
      const published = [names(publication)]
      count(published)
      append({ type: 'published', atMs: Date.now(), server, published })
      return cursor
    },
    loadClient: (client) => engine.loadClient(client),
    commit(client, user, commits) {
      const known = engine.commit(client, user, commits)
      if (known !== null) for (const commit of commits) record(user, client, commit)
      return known
    },
    confirm: (client, n) => engine.confirm(client, n),
    admit: (admittance) => engine.admit(admittance),
    forget: (session) => engine.forget(session),
    touch: (sessions, clients) => engine.touch(sessions, clients),
    sweep: () => engine.sweep(),
    counts: () => engine.counts(),
    close: () => engine.close(),
  }
}

let publications = 0
let throwing = 0
let slow = { count: 0, ms: 0 }
let snapshotsFailUntilMs = 0
const next = (): Published => ({ name: `${server}.${++publications}` })

const live = createLiveServer({
  allowedOrigins: '*',
  history: HISTORY,
  heartbeat: HEARTBEAT,
  engine: journalled(memoryEngine()),
  authenticate: ({ credential }) => (credential === null ? null : { user: credential }),
  snapshot(channel, { user }) {
    if (Date.now() < snapshotsFailUntilMs) throw new Error('chaos: no value now')
    return { rows: counts.get(channel === '@user' ? userChannel(user) : channel) ?? 0 }
  },
  onMessage({ id, channel, data, mayRepeat }, { publish, sendToUser, user }) {
    const { key, reject, personal } = data as ChaosMessage
    const take = (): void => {
      calls.set(id, { key, mayRepeat })
      if (throwing > 0) {
        throwing--
        throw new Error('chaos: the handler throws')
      }
      if (reject) throw new Rejected('the message asks for it')
      publish(channel, next())
      if (personal && user !== null) sendToUser(user, next())
    }
    if (slow.count === 0) return take()
    slow.count--
    return sleep(slow.ms).then(take)
  },
  log: (entry) => {
    if (entry.event === 'failed') console.error('server:', entry)
  },
})

const http = createServer()
live.attach(http, { path: '/live' })
http.listen(0, '127.0.0.1', () => process.send?.({ port: (http.address() as AddressInfo).port }))

const carryOut = async (order: ServerOrder): Promise<void> => {
  switch (order.type) {
    case 'publish':
      for (let at = 0; at < order.count; at++) await live.publish(order.channel, next())
      return
    case 'throw':
      throwing = order.count
      return
    case 'slow':
      slow = { count: order.count, ms: order.ms }
      return
    case 'block':
      for (const endMs = Date.now() + order.ms; Date.now() < endMs;);
      return
    case 'fail-snapshots':
      snapshotsFailUntilMs = Date.now() + order.ms
      return
    case 'close':
      await live.close({ drainMs: order.drainMs })
      process.exit(0)
  }
}
process.on('message', (order: ServerOrder) => {
  carryOut(order).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'closed') throw error
  })
})
process.on('disconnect', () => process.exit(0))
