import { describe, expect, it } from 'vitest'
import {
  addNotices,
  MAX_NOTICE_IDS,
  MAX_NOTICES,
  noteAnswer,
  noteRestart,
  readyNotices,
  type AppNotice,
  type NewRestart,
} from './notices.ts'
import { id } from './testing/frames.ts'

const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, at) => id(from + at))
const restart = (name: string, facts: Partial<NewRestart> = {}): NewRestart => {
  return { id: id(name), atMs: 1, reason: 'forgotten', mayRepeat: [], mayBeLost: [], ...facts }
}
const lost = (name: string, mayRepeat: string[] = []): AppNotice => {
  return { id: id(name), kind: 'storage-lost', event: { atMs: 1, reason: 'cleared', requeued: 0, mayRepeat, older: 0 } }
}
const namesOf = (notices: readonly AppNotice[]): string[] => notices.map((notice) => notice.id)

describe('what the app must be told', () => {
  it('[OB25] a restart while questions are open adds to the one before, and any other is a notice of its own', () => {
    const first = noteRestart([lost('loss')], restart('one', { atMs: 1, mayRepeat: [id('a')] }), false)
    const open = noteRestart(first, restart('two', { atMs: 2, reason: 'conflict', mayRepeat: [id('a'), id('b')] }), true)
    expect(open).toMatchObject([
      { id: id('loss') },
      { id: id('one'), event: { atMs: 1, reason: 'forgotten', mayRepeat: [id('a'), id('b')] } },
    ])
    const ledger = noteRestart(open, restart('three', { atMs: 3, reason: 'ledger', mayBeLost: [id('x')] }), true)
    expect(ledger[1]).toMatchObject({ id: id('one'), event: { atMs: 1, reason: 'ledger', mayBeLost: [id('x')] } })
    const still = noteRestart(ledger, restart('four', { reason: 'server-went-back' }), true)
    expect(still[1]).toMatchObject({ event: { reason: 'ledger', mayBeLost: [id('x')] } })
    expect(namesOf(noteRestart(still, restart('five'), false))).toEqual([id('loss'), id('one'), id('five')])
  })

  it('[OB25] waits for the answers of the server, and nothing else waits with it', () => {
    const notices = addNotices(noteRestart(noteRestart([], restart('one'), false), restart('two'), false), [lost('loss')])
    expect(namesOf(readyNotices(notices, true))).toEqual([id('one'), id('loss')])
    expect(readyNotices(notices, false)).toEqual(notices)
    expect(readyNotices([lost('loss')], true)).toHaveLength(1)
  })

  it('[OB8] an answer adds what it leaves doubtful and takes out what it settles', () => {
    const notices = noteRestart([], restart('one', { mayRepeat: [id('a')] }), false)
    const doubtful = noteAnswer(notices, [id('b'), id('c')], [])
    expect(doubtful).toMatchObject([{ event: { mayRepeat: [id('a'), id('b'), id('c')] } }])
    expect(noteAnswer(doubtful, [], [id('b')])).toMatchObject([{ event: { mayRepeat: [id('a'), id('c')], older: 0 } }])
    expect(noteAnswer(doubtful, [], [])).toBe(doubtful)
    expect(noteAnswer([], [id('b')], [])).toEqual([])
  })

  it('[ST21] [I30] names the latest messages of each list, and counts the others', () => {
    const many = MAX_NOTICE_IDS + 5
    const [notice] = noteRestart([], restart('one', { mayRepeat: ids(0, many), mayBeLost: ids(5_000, 3) }), false)
    expect(notice?.event).toMatchObject({ mayRepeat: ids(5, MAX_NOTICE_IDS), mayBeLost: ids(5_000, 3), older: 5 })
    const [more] = noteAnswer(notice ? [notice] : [], ids(9_000, 10), [])
    expect(more?.event.mayRepeat).toEqual([...ids(15, MAX_NOTICE_IDS - 10), ...ids(9_000, 10)])
    expect(more?.event.older).toBe(15)
    expect(addNotices([], [lost('loss', ids(0, many))])[0]?.event).toMatchObject({ mayRepeat: ids(5, MAX_NOTICE_IDS), older: 5 })
    const event = { atMs: 1, reason: 'cleared', requeued: 0, mayRepeat: [], lost: ids(0, many), older: 0 }
    expect(addNotices([], [{ id: id('loss'), kind: 'storage-lost', event }])).toMatchObject([
      { event: { lost: ids(5, MAX_NOTICE_IDS), older: 5 } },
    ])
  })

  it('[ST21] [I30] keeps the latest of each kind, and counts in the oldest of them what the others named', () => {
    let notices: readonly AppNotice[] = [lost('loss', [id('z')])]
    for (let n = 1; n <= MAX_NOTICES + 3; n++)
      notices = noteRestart(notices, restart(`r${n}`, { mayRepeat: [id(`a${n}`)], mayBeLost: [id(`b${n}`)] }), false)
    expect(notices).toHaveLength(1 + MAX_NOTICES)
    expect(notices[0]).toMatchObject({ id: id('loss'), event: { older: 0 } })
    expect(notices[1]).toMatchObject({ id: id('r4'), event: { mayRepeat: [id('a4')], older: 6 } })
    expect(notices.slice(2).every(({ event }) => event.older === 0)).toBe(true)
    const all = addNotices(
      notices,
      Array.from({ length: 40 }, (_, at) => lost(`l${at}`, [id(`c${at}`)])),
    )
    expect(all.filter(({ kind }) => kind === 'storage-lost')).toHaveLength(MAX_NOTICES)
    expect(all.find(({ kind }) => kind === 'storage-lost')).toMatchObject({ id: id('l24'), event: { older: 25 } })
  })

  it('[ST20] replaces what is there, where it is', () => {
    const notices = [lost('loss'), lost('other')]
    expect(addNotices(notices, [lost('loss', [id('a')])])).toEqual([lost('loss', [id('a')]), lost('other')])
    expect(addNotices(notices, [])).toBe(notices)
  })
})
