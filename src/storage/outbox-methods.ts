import type { OutboxLimits, Store } from '../core/ports.ts'
import { planAppend, planBury, planIdentity, planRaise, planRecalled, planRestart, planSettle } from './outbox-changes.ts'
import { fateOf, FATES_KEPT_MS, type OutboxChange, type StoredOutbox } from './stored-outbox.ts'

/** How a store carries out a planned change: all of it, or an error and none of it. */
export type Commit = <T>(plan: (stored: StoredOutbox, nowMs: number) => OutboxChange<T>) => Promise<T>

/** The methods of the `Store` port that all stores share. */
export type OutboxMethods = Omit<Store, 'durable' | 'open' | 'saveCache' | 'dropCache' | 'onLost' | 'close'>

/** Builds the outbox half of the `Store` port on top of one store's way to commit. */
export function outboxMethods(commit: Commit, limits: OutboxLimits): OutboxMethods {
  return {
    saveIdentity: (identity) => commit((stored) => planIdentity(stored, identity)),
    append: (messages, sent) => commit((stored, nowMs) => planAppend(stored, messages, sent, limits, nowMs)),
    raiseSentThrough: (n) => commit((stored) => planRaise(stored, n)),
    bury: (numbers, why) => commit((stored, nowMs) => planBury(stored, numbers, why, nowMs)),
    settle: (through, id, fates) => commit((stored, nowMs) => planSettle(stored, through, id, fates, nowMs)),
    recalled: (client, asked, fates, hold) => commit((stored, nowMs) => planRecalled(stored, client, asked, fates, hold, nowMs)),
    restart: (newClient, ask) => commit((stored) => planRestart(stored, newClient, ask)),
    unpark: (id) => commit(() => ({ unparked: id, result: undefined })),
    fatesOf: (ids) => commit((stored, nowMs) => ({ result: ids.flatMap((id) => fateOf(stored, id, nowMs) ?? []) })),
    appliedSince: (sinceMs) =>
      commit((stored, nowMs) => {
        const fromMs = Math.max(sinceMs, nowMs - FATES_KEPT_MS + 1)
        const applied = [...stored.fates.values()].filter(({ fate, atMs }) => fate.fate === 'applied' && atMs >= fromMs)
        return { result: applied.map(({ fate }) => fate.id) }
      }),
  }
}
