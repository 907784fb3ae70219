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

/** One desk per hub. Bounded by what the outbox holds: a final fate ends a claim. */
export function createFateDesk(): FateDesk {
  const senders = new Map<Id, TabSession>()
  return {
    claim(tab, ids) {
      for (const id of ids) senders.set(id, tab)
    },
    release(ids) {
      for (const id of ids) senders.delete(id)
    },
    tell(fates) {
      const byTab = new Map<TabSession, FateNews[]>()
      for (const fate of fates) {
        const tab = senders.get(fate.id)
        if (!tab) continue
        if (fate.fate !== 'sent') senders.delete(fate.id)
        const news = byTab.get(tab)
        if (news) news.push(fate)
        else byTab.set(tab, [fate])
      }
      for (const [tab, news] of byTab) tab.tellFates(news)
    },
    forget(tab) {
      for (const [id, sender] of senders) if (sender === tab) senders.delete(id)
    },
  }
}
