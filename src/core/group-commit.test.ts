import { describe, expect, it } from 'vitest'
import { createGroupCommit, type Submitted } from './group-commit.ts'
import { createFakeClock, type FakeClock } from './testing/fake-clock.ts'
import type { NewMessage, TakenCount } from './ports.ts'
import { CLIENT, id, message } from './testing/frames.ts'
import { createStoreDouble, type StoreDouble } from './testing/store-double.ts'

/** What a tab had heard before it handed messages over first. */
const since: TakenCount = { memory: CLIENT, taken: 0 }

interface Desk {
  readonly clock: FakeClock
  readonly store: StoreDouble
  readonly events: unknown[]
  submit(...names: readonly string[]): Promise<void>
  /** The same of messages that were handed over before. */
  again(...names: readonly string[]): Promise<void>
}

/** Records commits and answers in the order in which they happen. */
function createDesk(store: StoreDouble, sends = (): boolean => false): Desk {
  const events: unknown[] = []
  const clock = createFakeClock()
  const submit = createGroupCommit({
    store,
    clock,
    sendsAtOnce: sends,
    held: (wanted) => store.outbox.entries.find((entry) => entry.id === wanted),
    appended(_client, entries, sent, refused) {
      const late = entries.filter((entry) => refused.has(entry.id)).map(({ n }) => `late ${n}`)
      events.push(['stored', ...entries.map(({ n }) => n), ...(sent ? ['sent'] : []), ...late])
    },
  })
  const word = (submitted: Submitted): string | number => {
    if ('queued' in submitted) return submitted.queued.n
    return 'ended' in submitted ? submitted.ended.fate : submitted.failed.code
  }
  const tell = (names: readonly string[], messages: readonly NewMessage[]): Promise<void> =>
    submit(messages).then(
      (submitted) => void events.push([names.join(), ...submitted.map(word)]),
      (error: unknown) => void events.push([names.join(), (error as Error).message]),
    )
  return {
    clock,
    store,
    events,
    submit: (...names) =>
      tell(
        names,
        names.map((name) => message(name)),
      ),
    again: (...names) =>
      tell(
        names,
        names.map((name) => ({ ...message(name), since })),
      ),
  }
}

describe('group commit', () => {
  it('[OB16] [I1] a message alone is committed at once; what comes meanwhile shares the next commit; callers are answered in order', async () => {
    const { store, events, submit } = createDesk(createStoreDouble())
    const release = store.hold('append')
    const answers = [submit('a'), submit('b'), submit('c', 'd')]
    expect(store.calls).toEqual(['append'])
    release()
    await Promise.all(answers)
    expect(store.calls).toEqual(['append', 'append'])
    expect(events).toEqual([
      ['stored', 1],
      ['a', 1],
      ['stored', 2, 3, 4],
      ['b', 2],
      ['c,d', 3, 4],
    ])
  })

  it('[OB2] whether messages count as sent is asked at the moment of each commit', async () => {
    let sends = true
    const { store, events, submit } = createDesk(createStoreDouble(), () => sends)
    const answers = [submit('a'), submit('b')]
    sends = false
    await Promise.all(answers)
    expect(events.slice(0, 1).concat(events.slice(2, 3))).toEqual([
      ['stored', 1, 'sent'],
      ['stored', 2],
    ])
    expect(store.outbox.sentThrough).toBe(1)
  })

  it('[OB16] [I5] a caller with too much is refused alone', async () => {
    const { store, events, submit } = createDesk(createStoreDouble(3))
    await Promise.all([submit('a'), submit('b'), submit('c', 'd', 'e'), submit('f')])
    expect(events.filter((event) => !Array.isArray(event) || event[0] !== 'stored')).toEqual([
      ['a', 1],
      ['b', 2],
      ['c,d,e', 'the outbox is full'],
      ['f', 3],
    ])
    expect(store.outbox.entries).toHaveLength(3)
  })

  it('[OB16] [I5] a commit that fails is told to everyone in it, and the next one is tried', async () => {
    const { store, events, submit } = createDesk(createStoreDouble())
    store.failing.add('append')
    const release = store.hold('append')
    const answers = [submit('a'), submit('b')]
    release()
    await answers[0]
    store.failing.clear()
    await Promise.all(answers)
    expect(events).toEqual([
      ['a', 'append failed'],
      ['stored', 1],
      ['b', 1],
    ])
  })

  it('[OB17] [I5] a message that is stored already is queued, even when offering it again fails', async () => {
    const { store, events, submit } = createDesk(createStoreDouble())
    await submit('a', 'b')
    store.failing.add('append')
    await Promise.all([submit('x'), submit('a', 'b'), submit('b', 'c')])
    expect(events.slice(2)).toEqual([
      ['x', 'append failed'],
      ['a,b', 1, 2],
      ['b,c', 2, 'storage-failed'],
    ])
  })

  it('[OB17] [I6] a message that has ended did not fail, though it is offered again while nothing can be stored', async () => {
    const { store, events, submit } = createDesk(createStoreDouble())
    await submit('a')
    store.fates.set(id('b'), { id: id('b'), fate: 'applied' })
    store.failing.add('append')
    await Promise.all([submit('x'), submit('b', 'a'), submit('b', 'c')])
    expect(events.slice(2)).toEqual([
      ['x', 'append failed'],
      ['b,a', 'applied', 1],
      ['b,c', 'applied', 'storage-failed'],
    ])
    store.failing.add('fatesOf')
    await submit('b')
    expect(events.at(-1)).toEqual(['b', 'append failed'])
  })

  it('[OB17] a message that has ended is answered with its fate, in its place', async () => {
    const { store, events, submit } = createDesk(createStoreDouble())
    store.fates.set(id('b'), { id: id('b'), fate: 'applied' })
    await submit('a', 'b', 'c')
    expect(events).toEqual([
      ['stored', 1, 2],
      ['a,b,c', 1, 'applied', 2],
    ])
  })

  it('[OB16] a fate that cannot be read is the trouble of its own message only', async () => {
    const { store, events, submit } = createDesk(createStoreDouble())
    store.fates.set(id('b'), { id: id('b'), fate: 'applied' })
    store.failing.add('fatesOf')
    await Promise.all([submit('x'), submit('a'), submit('b'), submit('c')])
    expect(events.slice(2)).toEqual([
      ['stored', 2, 3],
      ['a', 2],
      ['b', 'storage-failed'],
      ['c', 3],
    ])
  })

  it('[OB21] [I5] [I32] a store that does not answer in 30 s fails everybody who waits, and whoever comes, at once; what is held already stays queued', async () => {
    const { clock, store, events, submit } = createDesk(createStoreDouble())
    await submit('held')
    const release = store.hold('append')
    const answers = [submit('a', 'held')]
    while (store.calls.length < 2) await Promise.resolve()
    answers.push(submit('b'))
    clock.advance(29_999)
    await Promise.resolve()
    expect(events.slice(2)).toEqual([])
    clock.advance(1)
    await Promise.all(answers)
    await submit('c')
    expect(events.slice(2)).toEqual([
      ['a,held', 'storage-failed', 1],
      ['b', 'storage-failed'],
      ['c', 'storage-failed'],
    ])
    expect(store.calls).toEqual(['append', 'append'])
    release()
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    expect(events[5]).toEqual(['stored', 2, 1, 'late 2'])
    await submit('d')
    expect(events.slice(6)).toEqual([
      ['stored', 3],
      ['d', 3],
    ])
    expect(clock.running).toBe(0)
  })

  it('[OB21] [OB16] [I5] who was told that the store is silent is not stored caller by caller when it says at last that the group does not fit', async () => {
    const { clock, store, events, submit } = createDesk(createStoreDouble(2))
    const first = store.hold('append')
    const answers = [submit('a'), submit('b'), submit('c')]
    await Promise.resolve()
    first()
    const second = store.hold('append')
    while (store.calls.length < 2) await Promise.resolve()
    clock.advance(30_000)
    await Promise.all(answers)
    second()
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    expect(events).toEqual([
      ['stored', 1],
      ['a', 1],
      ['b', 'storage-failed'],
      ['c', 'storage-failed'],
    ])
    await submit('d')
    expect(store.outbox.entries.map((entry) => entry.id)).toEqual([id('a'), id('d')])
  })

  it('[OB21] [OB16] [I5] a store that falls silent while a group is tried caller by caller gets none of those who were told so', async () => {
    const store = createStoreDouble(2)
    const { clock, events, submit } = createDesk(store)
    const append = store.append
    let answer = (): void => {}
    const silence = new Promise<void>((resolve) => (answer = resolve))
    store.append = (...given) => (store.calls.length === 2 ? silence.then(() => append(...given)) : append(...given))
    const answers = [submit('a'), submit('b'), submit('c')]
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    expect(store.calls).toHaveLength(2)
    clock.advance(30_000)
    await Promise.all(answers)
    answer()
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    expect(events.slice(2)).toEqual([
      ['b', 'storage-failed'],
      ['c', 'storage-failed'],
      ['stored', 2, 'late 2'],
    ])
    expect(store.calls).toHaveLength(3)
  })

  it('[OB21] [I32] a fate that is not told in 30 s holds up nobody', async () => {
    const { clock, store, events, submit } = createDesk(createStoreDouble())
    store.fates.set(id('b'), { id: id('b'), fate: 'applied' })
    store.hold('fatesOf')
    const answers = [submit('a', 'b'), submit('c')]
    while (!store.calls.includes('fatesOf')) await Promise.resolve()
    clock.advance(30_000)
    await Promise.all(answers)
    expect(events).toEqual([
      ['stored', 1],
      ['a,b', 1, 'storage-failed'],
      ['c', 'storage-failed'],
    ])
  })

  it('[OB23] [I37] what was handed over before, and nobody remembers, may repeat; what is held or has ended is told as such', async () => {
    const { store, events, submit, again } = createDesk(createStoreDouble())
    await submit('a')
    store.fates.set(id('b'), { id: id('b'), fate: 'applied' })
    await again('x')
    store.remembers = false
    await again('a', 'b', 'c')
    expect(events.slice(2)).toEqual([
      ['stored', 2],
      ['x', 2],
      ['stored', 1],
      ['a,b,c', 1, 'applied', 'may-repeat'],
    ])
  })

  it('[OB23] a store that fails says of a message that was handed over before only what it knows', async () => {
    const { store, events, again } = createDesk(createStoreDouble())
    store.failing.add('append')
    await again('new')
    store.failing.add('fatesOf')
    await again('doubtful')
    store.failing.delete('fatesOf')
    store.remembers = false
    await again('forgotten')
    expect(events).toEqual([
      ['new', 'append failed'],
      ['doubtful', 'may-repeat'],
      ['forgotten', 'may-repeat'],
    ])
  })

  it('[OB23] [OB21] a store that is silent says nothing of a message that was handed over before', async () => {
    const { clock, store, events, submit, again } = createDesk(createStoreDouble())
    await submit('held')
    store.hold('append')
    const answers = [again('held', 'a'), submit('b')]
    while (store.calls.length < 2) await Promise.resolve()
    clock.advance(30_000)
    await Promise.all(answers)
    await again('c')
    expect(events.slice(2)).toEqual([
      ['held,a', 1, 'may-repeat'],
      ['b', 'storage-failed'],
      ['c', 'may-repeat'],
    ])
  })
})
