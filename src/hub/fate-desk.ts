import type { Id } from '../protocol/messages.ts'
import type { FateNews, TabSession } from './tab-session.ts'

/** Knows which tab waits for which message, so that a fate goes to the tab that sent it and to nobody else. */
export interface FateDesk {
  claim(tab: TabSession, ids: readonly Id[]): void
  /** Takes one claim of the tab back: these were not queued by the call that made it. Another call of the tab may have queued them meanwhile. */
  release(tab: TabSession, ids: readonly Id[]): void
  /** Their fate is known to whoever asked. */
  close(ids: readonly Id[]): void
  tell(fates: readonly FateNews[]): void
  /** The tab is gone; whoever takes its messages over claims them anew. */
  forget(tab: TabSession): void
}

/**
 * One desk per hub. Bounded by what the outbox holds: a final fate ends a claim. A page may be here twice for a moment, when one of its attaches was
 * overtaken by the next: both are told, for nobody knows which is still heard.
 */
export function createFateDesk(): FateDesk {
  const senders = new Map<Id, readonly TabSession[]>()
  const keep = (id: Id, claims: readonly TabSession[]): void => {
    if (claims.length > 0) senders.set(id, claims)
    else senders.delete(id)
  }
  return {
    claim(tab, ids) {
      for (const id of ids) senders.set(id, [...(senders.get(id) ?? []), tab])
    },
    release(tab, ids) {
      for (const id of ids) {
        const claims = senders.get(id) ?? []
        const at = claims.lastIndexOf(tab)
        keep(
          id,
          claims.filter((_, index) => index !== at),
        )
      }
    },
    close(ids) {
      for (const id of ids) senders.delete(id)
    },
    tell(fates) {
      const byTab = new Map<TabSession, FateNews[]>()
      for (const fate of fates) {
        for (const tab of new Set(senders.get(fate.id))) {
          const news = byTab.get(tab)
          if (news) news.push(fate)
          else byTab.set(tab, [fate])
        }
        if (fate.fate !== 'sent') senders.delete(fate.id)
      }
      for (const [tab, news] of byTab) tab.tellFates(news)
    },
    forget(tab) {
      for (const [id, claims] of senders) {
        if (!claims.includes(tab)) continue
        keep(
          id,
          claims.filter((other) => other !== tab),
        )
      }
    },
  }
}
