import { addNotices, type AppNotice, type OutboxRestart, type StorageLost } from '../core/notices.ts'
import type { Id } from '../protocol/messages.ts'
import type { HubLink } from './hub-link-api.ts'
import type { Listeners } from './listeners.ts'

/** Notices this tab remembers to have told: far more than any store keeps. */
const MAX_TOLD = 256

/** Tells the app what it must be told, and the hub that it was heard. */
export interface NoticeTeller {
  /** A hub hands these over, maybe not for the first time. */
  take(notices: readonly AppNotice[]): void
  /** A listener has come: tells what waits for one. */
  tell(): void
  /** Says again what no hub has confirmed to know. */
  confirm(): void
  close(): void
}

/** Who listens, by event. */
export interface NoticeListeners {
  readonly outboxRestarted: Listeners<[OutboxRestart]>
  readonly storageLost: Listeners<[StorageLost]>
}

/** Without a listener nothing counts as heard: it waits here for the first one, and in the store for other tabs. */
export function createNoticeTeller(link: Pick<HubLink, 'isAttached' | 'call'>, listeners: NoticeListeners): NoticeTeller {
  let waiting: readonly AppNotice[] = []
  const told = new Set<Id>()
  const unconfirmed = new Set<Id>()

  function confirm(): void {
    if (!unconfirmed.size || !link.isAttached()) return
    const ids = [...unconfirmed]
    void link.call('heard', ids).then(({ ok }) => ok && ids.forEach((id) => unconfirmed.delete(id)))
  }

  function tell(): void {
    for (const notice of waiting) {
      if (!emit(notice)) continue
      waiting = waiting.filter((other) => other !== notice)
      told.add(notice.id)
      unconfirmed.add(notice.id)
    }
    for (const id of [...told].slice(0, -MAX_TOLD)) told.delete(id)
    confirm()
  }

  /** Whether a listener has run; one that throws has. */
  function emit(notice: AppNotice): boolean {
    if (notice.kind === 'outbox-restarted') return run(listeners.outboxRestarted, notice.event)
    return run(listeners.storageLost, { ...notice.event, lost: notice.event.lost ?? [] })
  }

  return {
    take(notices) {
      for (const { id } of notices) if (told.has(id)) unconfirmed.add(id)
      waiting = addNotices(
        waiting,
        notices.filter(({ id }) => !told.has(id)),
      )
      tell()
    },
    tell,
    confirm,
    close: () => void (waiting = []),
  }
}

function run<Event>(to: Listeners<[Event]>, event: Event): boolean {
  if (to.isEmpty()) return false
  to.emit(event)
  return true
}
