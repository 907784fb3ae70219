import type { Id } from '../protocol/messages.ts'
import type { FateNews, TabSession } from './tab-session.ts'

/** Knows which tab waits for which message, so that a fate goes to the tab that sent it and to nobody else. */
export interface FateDesk {
  claim(tab: TabSession, ids: readonly Id[]): void
  /** No fate of these will be told: they were never queued, or their fate is known. */
  release(ids: readonly Id[]): void
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
  return {
    claim(tab, ids) {
      for (const id of ids) senders.set(id, [...(senders.get(id) ?? []), tab])
    },
    release(ids) {
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
        const left = claims.filter((other) => other !== tab)
        if (left.length > 0) senders.set(id, left)
        else senders.delete(id)
      }
    },
  }
}
