import { ClientRecord } from '../client-record.ts'
import type { Commit, Engine, EngineHost } from '../engine.ts'
import { memoryEngine } from '../engines/memory.ts'
import type { Id } from '../../protocol/index.ts'

/** What outlives a server: an engine's contents, shared by one server after the other. */
export interface SharedEngine {
  /**
   * The engine as one server sees it: every call takes effect at a time of its own and is answered at another, and may
   * fail before or after.
   */
  forServer(life: { readonly isAlive: boolean }): Engine
  /** The next calls fail, whether or not they took effect. */
  failing: number
  readonly inner: Engine
  /** Told of every number that was committed, in order. */
  committed: (client: Id, commit: Commit) => void
}

/** An engine on a network, as far as anybody can see. */
export function sharedEngine(schedule: (label: string) => Promise<void>): SharedEngine {
  const inner = memoryEngine()
  let host: EngineHost | null = null
  const known = new Map<Id, { readonly user: string | null; readonly commits: readonly Commit[] }>()

  /** What comes over a network is a copy: it does not change when the original does. */
  const copyOf = (client: Id): ClientRecord | null => {
    const kept = known.get(client)
    if (!kept) return null
    const record = new ClientRecord(kept.user)
    for (const { id, fate } of kept.commits) record.commit(id, fate)
    return record
  }

  const shared: SharedEngine = {
    failing: 0,
    inner,
    committed: () => {},
    forServer(life) {
      const later = async <T>(name: string, work: () => T): Promise<T> => {
        await schedule(`${name} takes effect`)
        if (!life.isAlive) await new Promise<never>(() => {})
        const fails = shared.failing > 0 && shared.failing--
        if (fails && fails % 2 === 1) throw new Error(`${name} failed`)
        const result = work()
        await schedule(`${name} answers`)
        if (!life.isAlive) await new Promise<never>(() => {})
        if (fails) throw new Error(`${name} failed after it took effect`)
        return result
      }
      return {
        get ledger() {
          return inner.ledger
        },
        get reach() {
          return inner.reach
        },
        get secret() {
          return inner.secret
        },
        end: (ending) => later('end', () => inner.end(ending)) as ReturnType<Engine['end']>,
        get revocations() {
          return inner.revocations
        },
        revokedAt: (client, user) => later('revokedAt', () => inner.revokedAt(client, user)) as ReturnType<Engine['revokedAt']>,
        start(given) {
          const isFirst = host === null
          host = given
          if (isFirst)
            void inner.start({
              ...given,
              changed: (key) => host?.changed(key),
              isSessionUsed: (session) => host?.isSessionUsed(session) === true,
              isClientUsed: (client) => host?.isClientUsed(client) === true,
              fenced: (session, connection) => host?.fenced(session, connection),
              ended: (ending) => host?.ended(ending),
              crowded: (client) => host?.crowded(client),
              count: (name, times) => host?.count(name, times),
            })
        },
        open: (key) => later('open', () => inner.open(key)) as ReturnType<Engine['open']>,
        release: (key) => inner.release(key),
        probe: (key, others, holder) => inner.probe(key, others, holder),
        publish: (publications, holder) => later('publish', () => inner.publish(publications, holder)) as ReturnType<Engine['publish']>,
        loadClient: (client) => later('loadClient', () => copyOf(client)) as ReturnType<Engine['loadClient']>,
        commit: (client, user, commits, holder) =>
          later('commit', () => {
            const record = inner.commit(client, user, commits, holder)
            if (typeof record === 'string') return record
            known.set(client, { user, commits: [...(known.get(client)?.commits ?? []), ...commits] })
            for (const commit of commits) shared.committed(client, commit)
            return copyOf(client)
          }) as ReturnType<Engine['commit']>,
        confirm: (client, n) => inner.confirm(client, n),
        admit: (admittance) => later('admit', () => inner.admit(admittance)) as ReturnType<Engine['admit']>,
        forget: (session) => later('forget', () => inner.forget(session)) as ReturnType<Engine['forget']>,
        touch: (sessions, clients) => inner.touch(sessions, clients),
        sweep: () => inner.sweep(),
        counts: () => inner.counts(),
        close: () => {},
      }
    },
  }
  return shared
}
