import type { Id } from '../protocol/messages.ts'
import { addNotices, readyNotices, type AppNotice } from './notices.ts'
import type { Store } from './ports.ts'

/** What the machine's host keeps of what the app must be told: the copy in memory of what the store holds. */
export interface NoticeBoard {
  /** What may be told now and was not heard yet. */
  ready(): readonly AppNotice[]
  /** What was not heard yet, also what waits for the server's answers. */
  all(): readonly AppNotice[]
  /** What the store holds now. To be followed by {@link NoticeBoard.look} when the machine knows of what the store did, too. */
  stored(notices: readonly AppNotice[]): void
  /** There may be no question any more that something waited for. */
  look(): void
  /** Notes what was found out here. Told even if it cannot be stored; throws what the store threw. */
  note(notices: readonly AppNotice[]): Promise<void>
  /** Notes again what could not be stored. */
  retry(): Promise<void>
  /** A listener of the app has run for each of these. Throws what the store threw: then they are handed over again, to the next who comes. */
  heard(ids: readonly Id[]): Promise<void>
}

/**
 * Makes a board of what the store held when it was opened: that is for the host to tell.
 * @param isOpen whether the server is still to be asked about messages
 * @param tell told once of each notice, when it is ready
 */
export function createNoticeBoard(
  port: Pick<Store, 'note' | 'heard'>,
  opened: readonly AppNotice[],
  isOpen: () => boolean,
  tell: (notices: readonly AppNotice[]) => void,
): NoticeBoard {
  let inStore = opened
  /** What was found out here and is not known to have been heard. It need not be in the store. */
  let mine: readonly AppNotice[] = []
  let isOwed = false
  let told = new Set<Id>()

  const all = (): readonly AppNotice[] => addNotices(inStore, mine)
  const ready = (): readonly AppNotice[] => readyNotices(all(), isOpen())

  const look = (): void => {
    if (all().every(({ id }) => told.has(id))) return
    const may = ready()
    const news = may.filter(({ id }) => !told.has(id))
    told = new Set(may.map(({ id }) => id))
    if (news.length > 0) tell(news)
  }

  const store = async (): Promise<void> => {
    isOwed = true
    inStore = await port.note(mine)
    isOwed = false
  }

  for (const { id } of ready()) told.add(id)

  return {
    ready,
    all,
    look,
    stored: (notices) => void (inStore = notices),
    note(added) {
      mine = addNotices(mine, added)
      return store().finally(look)
    },
    async retry() {
      if (isOwed) await store()
    },
    async heard(ids) {
      const isLeft = ({ id }: AppNotice): boolean => !ids.includes(id)
      mine = mine.filter(isLeft)
      if (!inStore.every(isLeft)) inStore = await port.heard(ids)
    },
  }
}
