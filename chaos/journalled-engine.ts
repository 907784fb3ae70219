import { type Commit, type Engine, type EngineHost, type Publication } from 'holdfast/server'
import type { JournalPublication, JournalRow } from './journal.ts'

/** What the app's handlers know of a message that is not committed yet. */
export interface HandlerCall {
  readonly key: string
  readonly mayRepeat: boolean
  /** How many messages the handler has published. */
  publishes: number
}

/** What a journal is told with. */
export interface EngineJournal {
  readonly server: number
  /** The last call of a handler for each message. */
  readonly calls: Map<string, HandlerCall>
  readonly append: (row: JournalRow) => void
}

/** An engine that answers at once, and has what it did in the journal before anybody can have heard of it. */
export function journalled(engine: Engine, { server, calls, append }: EngineJournal): Engine {
  const about = (): { readonly atMs: number; readonly server: number } => ({ atMs: Date.now(), server })
  const record = (client: string, user: string | null, { n, id, fate, publications }: Commit): void => {
    const published = publications.map(names)
    append({
      type: 'committed',
      ...about(),
      client,
      user,
      n,
      id,
      ...calls.get(id),
      fate: fate === undefined || fate.kind === 'unreplied' ? 'applied' : fate.kind,
      published,
    })
    calls.delete(id)
  }
  const hiOf = (client: string): number => (engine.loadClient(client) as { readonly hi: number } | null)?.hi ?? 0
  const own: Partial<Engine> = {
    start: (host: EngineHost) =>
      engine.start({
        ...host,
        count(name) {
          if (name === 'dropped.clients') append({ type: 'gave up', ...about(), published: [] })
          host.count(name)
        },
      }),
    // Asked once for each connection that only sends.
    revokedAt(client, user) {
      append({ type: 'sendOnly', ...about(), client, published: [] })
      return engine.revokedAt(client, user)
    },
    publish(publications) {
      const cursors = engine.publish(publications)
      if (typeof cursors !== 'string') append({ type: 'published', ...about(), published: publications.map(names) })
      return cursors
    },
    commit(client, user, commits) {
      const hi = hiOf(client)
      try {
        const known = engine.commit(client, user, commits)
        if (typeof known !== 'string') for (const commit of commits) record(client, user, commit)
        return known
      } catch (error) {
        // What it says it has not done it must not have done.
        if (hiOf(client) !== hi) append({ type: 'half', ...about(), client, n: hiOf(client), published: [] })
        throw error
      }
    },
  }
  return new Proxy(engine, {
    get(target, name) {
      const value: unknown = Reflect.get(name in own ? own : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function names({ key, data }: Publication): JournalPublication {
  return { channel: key, name: (JSON.parse(data) as { readonly name: string }).name }
}
