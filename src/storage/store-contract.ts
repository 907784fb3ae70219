import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppNotice } from '../core/notices.ts'
import type { CachedMessage, NewMessage, OutboxLimits, Random, SteadyClock, Store, TakenCount } from '../core/ports.ts'
import type { Cursor, Id } from '../protocol/messages.ts'

/** A place where stores are made one after the other, each on what the earlier ones left: a restarted worker. */
export interface StoreWorld {
  readonly clock: TestClock
  store(limits?: OutboxLimits): Store
  dispose(): Promise<void>
}

/** A clock whose time moves only when told. Its timers are real: they guard against a browser that never answers. */
export interface TestClock extends SteadyClock {
  advance(ms: number): void
  /** Somebody moves the wall clock. */
  jump(ms: number): void
  /** Another worker begins: its steady clock begins with the wall clock. */
  beginAgain(): void
}

/** A test clock, starting at an arbitrary time. */
export function createTestClock(): TestClock {
  let nowMs = 1_000_000
  let movedMs = 0
  let beganMs = 0
  return {
    nowMs: () => nowMs + movedMs,
    steadyMs: () => beganMs + nowMs,
    advance: (ms) => void (nowMs += ms),
    jump: (ms) => void (movedMs += ms),
    beginAgain: () => void (beganMs = movedMs),
    setTimer(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
  }
}

/** Ids that a reader recognises. */
export function idOf(name: string | number): Id {
  return String(name).padEnd(22, '_')
}

/** Ids in a row, for a store's own ones. */
export function createTestRandom(): Random {
  let made = 0
  return { fraction: () => 0.5, id: () => idOf(`random-${++made}-`) }
}

/** Limits that no test meets by chance. */
export const WIDE_LIMITS: OutboxLimits = { maxMessages: 100_000, maxBytes: 2 ** 30 }

/** Messages named by `names`. */
export function newMessages(...names: (string | number)[]): NewMessage[] {
  return names.map((name) => ({ id: idOf(name), channel: 'agents', json: JSON.stringify({ name }) }))
}

/** What is noted of a storage that was lost. */
export function lossNotice(name: string | number, ...mayRepeat: string[]): AppNotice & { readonly kind: 'storage-lost' } {
  const event = { atMs: 5, reason: 'cleared', requeued: 1, mayRepeat: mayRepeat.map(idOf), older: 0 }
  return { id: idOf(name), kind: 'storage-lost', event }
}

function cursorAt(offset: number): Cursor {
  return { epoch: idOf('epoch'), offset, id: offset === 0 ? '' : idOf(`m${offset}`) }
}

function cachedMessages(from: number, to: number): CachedMessage[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({
    offset: from + at,
    id: idOf(`m${from + at}`),
    json: `{"offset":${from + at}}`,
  }))
}

/** The rules every store keeps. Register once per implementation. */
export function registerStoreContract(title: string, makeWorld: () => StoreWorld): void {
  describe(`${title} keeps the store contract`, () => {
    let world: StoreWorld
    let store: Store

    beforeEach(async () => {
      world = makeWorld()
      store = world.store()
      await store.open()
    })
    afterEach(() => world.dispose())

    async function reopened(limits?: OutboxLimits): Promise<Store> {
      store.close()
      store = world.store(limits)
      await store.open()
      return store
    }

    /** What a restarted worker would read. */
    async function left(): ReturnType<Store['open']> {
      store.close()
      store = world.store()
      return store.open()
    }

    it('[ST2] begins empty, with a client id that stays', async () => {
      const first = await left()
      expect(first).toMatchObject({ session: null, parked: [], channels: [], corrupt: false })
      expect(first.outbox).toMatchObject({ ledger: null, since: 0, next: 1, acked: 0, ackedId: '', sentThrough: 0, entries: [] })
      expect((await left()).outbox.client).toBe(first.outbox.client)
    })

    it('[ST2] numbers messages without gaps, across calls and restarts', async () => {
      const { client, entries } = await store.append(newMessages('a', 'b'), false)
      expect(entries.map((entry) => entry?.n)).toEqual([1, 2])
      await reopened()
      expect((await store.append(newMessages('c'), false)).entries[0]?.n).toBe(3)
      const { outbox } = await left()
      expect(outbox).toMatchObject({ client, next: 4, sentThrough: 0 })
      expect(outbox.entries).toEqual(newMessages('a', 'b', 'c').map((message, at) => ({ ...message, n: at + 1, atMs: 1_000_000 })))
    })

    it('[ST1] calls made at once take effect in order', async () => {
      const calls = await Promise.all([1, 2, 3, 4, 5].map((name) => store.append(newMessages(name), false)))
      expect(calls.map(({ entries }) => entries[0]?.n)).toEqual([1, 2, 3, 4, 5])
      await Promise.all([store.settle(2, idOf(2), []), store.append(newMessages(6), true), store.bury([3], 'cancelled')])
      const { outbox } = await left()
      expect(outbox).toMatchObject({ acked: 2, next: 7, sentThrough: 6 })
      expect(outbox.entries.map((entry) => entry.skip ?? entry.n)).toEqual(['cancelled', 4, 5, 6])
    })

    it('[ST3] a held message keeps its number when it is offered again', async () => {
      await store.append(newMessages('a', 'b'), false)
      await reopened()
      const { entries } = await store.append(newMessages('b', 'c', 'c', 'a'), false)
      expect(entries.map((entry) => entry?.n)).toEqual([2, 3, 3, 1])
      expect((await left()).outbox.entries).toHaveLength(3)
    })

    it('[ST3] a message with a recorded fate is not stored again', async () => {
      await store.append(newMessages('a', 'b'), true)
      await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'applied' }])
      await reopened()
      const { entries } = await store.append(newMessages('a', 'c'), false)
      expect(entries.map((entry) => entry?.n ?? null)).toEqual([null, 3])
    })

    it('[ST4] refuses what does not fit, together with what is parked, and stores none of it', async () => {
      await store.append(newMessages('a', 'b'), false)
      await store.bury([1], 'expired')
      await reopened({ maxMessages: 4, maxBytes: 1_000 })
      await expect(store.append(newMessages('c', 'd'), false)).rejects.toMatchObject({ code: 'outbox-full' })
      expect((await store.append(newMessages('b'), false)).entries[0]?.n).toBe(2)
      expect((await store.append(newMessages('c'), false)).entries[0]?.n).toBe(3)
      await expect(store.append(newMessages('d'), false)).rejects.toMatchObject({ code: 'outbox-full' })
      await store.unpark(idOf('a'))
      expect((await store.append(newMessages('d'), false)).entries[0]?.n).toBe(4)
    })

    it('[ST4] counts text of queued and parked messages, and frees it', async () => {
      const units = newMessages('a')[0]?.json.length ?? 0
      await reopened({ maxMessages: 100, maxBytes: units * 2 })
      await store.append(newMessages('a', 'b'), true)
      await expect(store.append(newMessages('c'), false)).rejects.toMatchObject({ code: 'outbox-full' })
      await store.bury([2], 'expired')
      await expect(store.append(newMessages('c'), false)).rejects.toMatchObject({ code: 'outbox-full' })
      await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'applied' }])
      expect((await store.append(newMessages('c'), false)).entries[0]?.n).toBe(3)
      await store.bury([3], 'cancelled')
      expect((await store.append(newMessages('d'), false)).entries[0]?.n).toBe(4)
    })

    it('[ST5] [I4] tells an owner once that its lease was taken over', async () => {
      let fenced = 0
      store.onFenced(() => fenced++)
      await world.store().open()
      expect(fenced).toBe(0)
      for (let call = 0; call < 2; call++) await expect(store.raiseSentThrough(1)).rejects.toMatchObject({ code: 'storage-failed' })
      expect(fenced).toBe(1)
    })

    it('[ST5] [I4] writes of an earlier owner change nothing', async () => {
      await store.append(newMessages('a'), false)
      const earlier = store
      store = world.store()
      const before = await store.open()
      const refused = [
        earlier.append(newMessages('b'), true),
        earlier.settle(1, idOf('a'), []),
        earlier.raiseSentThrough(1),
        earlier.bury([1], 'expired'),
        earlier.recalled(before.outbox.client, [idOf('a')], [], true),
        earlier.restart(idOf('other'), 'cloned'),
        earlier.note([lossNotice('loss')]),
        earlier.heard([idOf('loss')]),
        earlier.unpark(idOf('a')),
        earlier.saveIdentity({
          session: { id: idOf('s'), token: 't'.repeat(43) },
          ledger: idOf('l'),
          since: 7,
          sentThrough: 0,
          sendOnly: null,
        }),
        earlier.saveCache([{ channel: 'agents', cursor: cursorAt(1), append: cachedMessages(1, 1), keepFrom: 0 }]),
        earlier.dropCache(['agents']),
      ]
      for (const call of refused) await expect(call).rejects.toMatchObject({ code: 'storage-failed' })
      earlier.close()
      expect(await left()).toEqual(before)
    })

    it('[ST6] [I2] settles up to a number, and remembers where', async () => {
      await store.append(newMessages('a', 'b', 'c'), true)
      await store.append(newMessages('d'), true)
      await store.settle(2, idOf('b'), [
        { id: idOf('a'), fate: 'applied', replyJson: '1' },
        { id: idOf('b'), fate: 'applied' },
      ])
      const { outbox } = await left()
      expect(outbox).toMatchObject({ acked: 2, ackedId: idOf('b'), next: 5, sentThrough: 4 })
      expect(outbox.entries.map((entry) => entry.n)).toEqual([3, 4])
      await store.settle(4, idOf('d'), [])
      expect((await left()).outbox).toMatchObject({ acked: 4, ackedId: idOf('d'), next: 5, entries: [] })
      expect((await store.append(newMessages('e'), false)).entries[0]?.n).toBe(5)
    })

    it('[ST6] [I2] an ack for another message deletes nothing', async () => {
      await store.append(newMessages('a', 'b'), true)
      await expect(store.settle(2, idOf('a'), [])).rejects.toMatchObject({ code: 'storage-failed' })
      await expect(store.settle(3, idOf('c'), [])).rejects.toMatchObject({ code: 'storage-failed' })
      expect((await left()).outbox).toMatchObject({ acked: 0, next: 3 })
    })

    it('[ST6] parks rejected messages', async () => {
      await store.append(newMessages('a', 'b'), true)
      await store.settle(2, idOf('b'), [
        { id: idOf('a'), fate: 'rejected', reason: 'forbidden', message: 'not yours' },
        { id: idOf('b'), fate: 'applied' },
      ])
      const [message] = newMessages('a')
      expect((await left()).parked).toEqual([{ ...message, atMs: 1_000_000, fate: 'rejected', reason: 'not yours' }])
      await store.unpark(idOf('a'))
      await store.unpark(idOf('never-parked'))
      expect((await left()).parked).toEqual([])
    })

    /** Sends messages one by one, each applied with a reply. */
    async function applied(...names: string[]): Promise<void> {
      for (const name of names) {
        await store.append(newMessages(name), true)
        const { outbox } = await left()
        await store.settle(outbox.next - 1, idOf(name), [{ id: idOf(name), fate: 'applied', replyJson: '"yes"' }])
      }
    }

    /** Offers messages that were handed over before. */
    async function again(since: TakenCount, ...names: string[]): Promise<(Id | null)[]> {
      const { entries } = await store.append(
        newMessages(...names).map((message) => ({ ...message, since })),
        false,
      )
      return entries.map((entry) => entry && entry.id)
    }

    it('[ST7] [ST17] remembers fates in full for ten minutes, and how a message ended for good, across restarts', async () => {
      await store.append(newMessages('a', 'b', 'c', 'd'), true)
      await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'applied', replyJson: '"yes"' }])
      world.clock.advance(600_000)
      await store.bury([2], 'cancelled')
      await reopened()
      expect(await store.fatesOf([idOf('c'), idOf('b'), idOf('a')])).toEqual([
        { id: idOf('b'), fate: 'cancelled' },
        { id: idOf('a'), fate: 'applied', replyJson: '"yes"' },
      ])
      world.clock.advance(600_000)
      await store.bury([3], 'expired')
      for (let round = 0; round < 2; round++) {
        const fates = await store.fatesOf([idOf('a'), idOf('b'), idOf('c'), idOf('d')])
        expect(fates).toEqual([
          { id: idOf('a'), fate: 'applied', replyLost: 'forgotten' },
          { id: idOf('b'), fate: 'cancelled' },
          { id: idOf('c'), fate: 'expired' },
        ])
        await reopened()
      }
    })

    it('[ST16] [I37] counts what it has taken, across restarts, each id once', async () => {
      const { memory } = store.taken()
      expect(store.taken()).toEqual({ memory, taken: 0 })
      await store.append(newMessages('a', 'b', 'a'), true)
      await store.append(newMessages('b', 'c'), true)
      await store.settle(3, idOf('c'), [])
      expect(store.taken()).toEqual({ memory, taken: 3 })
      await reopened()
      await store.restart(idOf('next'), 'forgotten')
      expect(store.taken()).toEqual({ memory, taken: 3 })
    })

    it('[ST16] [I37] stores what comes again only when it remembers everything since, and finds what it has forgotten the reply of', async () => {
      const first = store.taken()
      await applied('a')
      const second = store.taken()
      world.clock.advance(1_200_000)
      await applied('b', 'c')
      expect(await again(first, 'a', 'new', 'c')).toEqual([null, idOf('new'), null])
      expect(await again(second, 'b', 'newer', 'new')).toEqual([null, idOf('newer'), idOf('new')])
      await reopened()
      expect(store.reaches(second)).toBe(true)
      // What it never told it does not reach.
      const ahead = { ...second, taken: 100 }
      expect(store.reaches(ahead)).toBe(false)
      expect(await again(ahead, 'newest', 'new', 'a')).toEqual([null, idOf('new'), null])
      const elsewhere = { memory: idOf('elsewhere'), taken: 0 }
      expect(await again(elsewhere, 'newest', 'new', 'a')).toEqual([null, idOf('new'), null])
      expect((await store.fatesOf([idOf('newest'), idOf('a')])).map(({ id }) => id)).toEqual([idOf('a')])
    })

    it('[ST19] [I37] counts anew after a sign-out and when it may have gone back: counts that were told before mean nothing', async () => {
      await applied('a')
      const first = store.taken()
      await store.restart(idOf('next'), 'cloned')
      const second = store.taken()
      expect([store.reaches(first), store.reaches(second), second.memory === first.memory]).toEqual([false, true, false])
      expect(await again(first, 'a', 'b')).toEqual([null, null])
      expect((await store.fatesOf([idOf('a')])).map(({ fate }) => fate)).toEqual(['applied'])
      await store.signOut(idOf('other'), false)
      await reopened()
      expect([store.reaches(first), store.reaches(second), store.reaches(store.taken())]).toEqual([false, false, true])
      expect(await again(second, 'a', 'b')).toEqual([null, null])
    })

    it('[ST18] [OB24] [I35] goes by its steady clock: whoever moves the wall clock changes nothing', async () => {
      const since = store.taken()
      for (const [at, jumpMs] of [90 * 86_400_000, -180 * 86_400_000, -3e12].entries()) {
        await applied(`m${at}`)
        world.clock.jump(jumpMs)
      }
      await store.append(newMessages('last'), false)
      expect(store.reaches(since)).toBe(true)
      expect(await store.fatesOf(['m0', 'm1', 'm2'].map(idOf))).toMatchObject([
        { replyJson: '"yes"' },
        { replyJson: '"yes"' },
        { replyJson: '"yes"' },
      ])
      expect((await left()).outbox.entries.map(({ atMs }) => atMs)).toEqual([1_000_000])
    })

    it.each([
      ['a message', () => store.append(newMessages('b'), false)],
      ['what changes nothing of the outbox', () => store.unpark(idOf('none'))],
      ['the cache', () => store.dropCache(['none'])],
    ])('[ST18] [OB24] [I35] has its time go on as the wall clock does, from where storing %s left it', async (_what, write) => {
      const { entries } = await store.append(newMessages('a'), false)
      for (const jumpMs of [90 * 86_400_000, -180 * 86_400_000, 1_500]) {
        world.clock.jump(jumpMs)
        await write()
        store.close()
        world.clock.advance(500)
        world.clock.beginAgain()
        await reopened()
      }
      const [first] = (await left()).outbox.entries
      expect(first).toEqual(entries[0])
      expect(store.timeMs() - (first?.atMs ?? 0)).toBe(1_500)
      world.clock.jump(86_400_000)
      expect(store.timeMs() - (first?.atMs ?? 0)).toBe(1_500)
      store.close()
      world.clock.beginAgain()
      await reopened()
      expect(store.timeMs() - (first?.atMs ?? 0)).toBe(86_401_500)
    })

    it('[ST7] a fate is final', async () => {
      await store.append(newMessages('a'), true)
      await store.bury([1], 'expired')
      await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'applied' }])
      expect(await store.fatesOf([idOf('a')])).toEqual([{ id: idOf('a'), fate: 'expired' }])
    })

    it('[ST8] buries messages, keeping their numbers and copies of the expired ones', async () => {
      await store.append(newMessages('a', 'b', 'c'), false)
      await store.bury([1, 3, 9], 'expired')
      await store.bury([2, 3], 'cancelled')
      const { outbox, parked } = await left()
      expect(outbox.entries.map(({ n, id, skip, json }) => [n, id, skip, json])).toEqual([
        [1, idOf('a'), 'expired', ''],
        [2, idOf('b'), 'cancelled', ''],
        [3, idOf('c'), 'expired', ''],
      ])
      expect(parked.map(({ id, fate, json }) => [id, fate, json])).toEqual([
        [idOf('a'), 'expired', '{"name":"a"}'],
        [idOf('c'), 'expired', '{"name":"c"}'],
      ])
    })

    it('[ST8] restarts under a new client id and asks about what may have been sent', async () => {
      await store.append(newMessages('a', 'b', 'c'), false)
      await store.saveIdentity({
        session: { id: idOf('s'), token: 't'.repeat(43) },
        ledger: idOf('ledger'),
        since: 7,
        sentThrough: 0,
        sendOnly: null,
      })
      await store.raiseSentThrough(2)
      await store.raiseSentThrough(1)
      await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'applied' }])
      const old = (await left()).outbox
      expect(old).toMatchObject({ ledger: idOf('ledger'), since: 7, sentThrough: 2 })
      const { outbox: after, notices } = await store.restart(idOf('new'), 'forgotten')
      expect(after).toMatchObject({ client: idOf('new'), ledger: null, since: 0, next: 3, acked: 0, ackedId: '', sentThrough: 0 })
      expect(after.entries.map(({ n, id, recall }) => [n, id, recall])).toEqual([
        [1, idOf('b'), [old.client]],
        [2, idOf('c'), undefined],
      ])
      expect(await store.restart(idOf('new'), 'forgotten')).toEqual({ outbox: after, notices })
      const state = await left()
      expect(state.outbox).toEqual(after)
      expect(state.session).toEqual({ id: idOf('s'), token: 't'.repeat(43) })
    })

    it('[OB2] [I23] remembers as sent what was learnt from the answer to hello, however little it remembers itself', async () => {
      await store.append(newMessages('a', 'b', 'c'), false)
      const session = { id: idOf('s'), token: 't'.repeat(43) }
      await store.saveIdentity({ session, ledger: idOf('ledger'), since: 7, sentThrough: 2, sendOnly: null })
      expect((await left()).outbox).toMatchObject({ ledger: idOf('ledger'), since: 7, sentThrough: 2 })
      store = world.store()
      await store.open()
      await store.saveIdentity({ session, ledger: idOf('ledger'), since: 7, sentThrough: 1, sendOnly: null })
      expect((await left()).outbox.sentThrough).toBe(2)
    })

    it('[OB30] keeps what a worker without a tab needs to send until the client id is another or the server gives none', async () => {
      const session = { id: idOf('s'), token: 't'.repeat(43) }
      const sendOnly = { url: 'wss://app.test/live', token: 'a-b_c.d', user: 'ada' }
      expect((await left()).sendOnly).toBeNull()
      await store.saveIdentity({ session, ledger: idOf('ledger'), since: 7, sentThrough: 0, sendOnly })
      expect((await left()).sendOnly).toEqual(sendOnly)
      await store.append(newMessages('a'), false)
      expect((await left()).sendOnly).toEqual(sendOnly)
      await store.restart(idOf('new'), 'forgotten')
      expect(await left()).toMatchObject({ sendOnly: null, session })
      await store.saveIdentity({ session, ledger: idOf('ledger'), since: 7, sentThrough: 0, sendOnly: { ...sendOnly, user: null } })
      expect((await left()).sendOnly).toEqual({ ...sendOnly, user: null })
      await store.saveIdentity({ ledger: idOf('ledger'), since: 7, sentThrough: 0 })
      expect(await left()).toMatchObject({ session, sendOnly: { ...sendOnly, user: null } })
      await store.saveIdentity({ session, ledger: idOf('ledger'), since: 7, sentThrough: 0, sendOnly: null })
      expect((await left()).sendOnly).toBeNull()
    })

    it('[ST8] takes in what recall told', async () => {
      await store.append(newMessages('a', 'b', 'c', 'd'), true)
      const { client } = (await left()).outbox
      await store.restart(idOf('new'), 'cloned')
      await store.recalled(client, [idOf('a'), idOf('b')], [{ id: idOf('a'), fate: 'applied', replyJson: '7' }], false)
      expect((await left()).outbox.entries.map(({ id, skip, mayRepeat }) => [id, skip ?? mayRepeat])).toEqual([
        [idOf('a'), 'settled'],
        [idOf('b'), true],
        [idOf('c'), undefined],
        [idOf('d'), undefined],
      ])
      const notices = await store.recalled(client, [idOf('c')], [], true)
      const { outbox: held } = await left()
      expect(await store.recalled(client, [idOf('c')], [], true)).toEqual(notices)
      const state = await left()
      expect(state.outbox).toEqual(held)
      expect(state.parked.map(({ id, reason }) => [id, reason])).toEqual([[idOf('c'), 'may-repeat']])
      expect(await store.fatesOf([idOf('a'), idOf('b'), idOf('c')])).toMatchObject([
        { fate: 'applied', replyJson: '7' },
        { fate: 'rejected', reason: 'may-repeat' },
      ])
    })

    it('[ST20] [I38] keeps what the app must be told of a restart, from the transaction that made it until it was heard', async () => {
      await store.append(newMessages('old', 'a', 'b', 'c'), true)
      await store.settle(1, idOf('old'), [{ id: idOf('old'), fate: 'applied' }])
      const { client } = (await left()).outbox
      world.clock.advance(500_000)
      const atMs = world.clock.steadyMs()
      const { notices } = await store.restart(idOf('new'), 'ledger')
      const event = { atMs, reason: 'ledger', mayRepeat: [], mayBeLost: [idOf('old')], older: 0 }
      expect(notices).toEqual([{ id: idOf('new'), kind: 'outbox-restarted', event }])
      expect((await left()).notices).toEqual(notices)
      // Not before every question is answered, whoever says so.
      expect(await store.heard([idOf('new')])).toEqual(notices)
      const known = [{ id: idOf('a'), fate: 'applied' }] as const
      await store.recalled(client, [idOf('a'), idOf('b')], known, false)
      await reopened()
      await store.recalled(client, [idOf('a'), idOf('b')], known, false)
      await store.recalled(client, [idOf('c')], [], true)
      const told = [{ id: idOf('new'), kind: 'outbox-restarted', event: { ...event, mayRepeat: [idOf('b'), idOf('c')] } }]
      expect((await left()).notices).toEqual(told)
      expect(await store.heard([idOf('another')])).toEqual(told)
      expect(await store.heard([idOf('new')])).toEqual([])
      expect((await left()).notices).toEqual([])
      expect(await store.heard([idOf('new')])).toEqual([])
    })

    it('[ST20] restarts before every question is answered are one notice, any later one another', async () => {
      await store.append(newMessages('a'), true)
      const { client } = (await left()).outbox
      await store.restart(idOf('new1'), 'forgotten')
      const first = world.clock.steadyMs()
      world.clock.advance(1_000)
      await store.restart(idOf('new2'), 'cloned')
      await store.recalled(client, [idOf('a')], [], false)
      await store.recalled(idOf('new1'), [idOf('a')], [], false)
      await store.restart(idOf('new3'), 'conflict')
      expect((await left()).notices).toMatchObject([
        { id: idOf('new1'), event: { atMs: first, reason: 'forgotten', mayRepeat: [idOf('a')] } },
        { id: idOf('new3'), event: { atMs: first + 1_000, reason: 'conflict', mayRepeat: [] } },
      ])
    })

    it('[ST20] what may be lost is what was confirmed in the last ten minutes and not named before, where the server may have lost it', async () => {
      await store.append(newMessages('a', 'b', 'c'), true)
      await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'applied' }])
      world.clock.advance(1_000)
      await store.settle(3, idOf('c'), [
        { id: idOf('b'), fate: 'rejected', reason: 'failed', message: '' },
        { id: idOf('c'), fate: 'applied' },
      ])
      world.clock.advance(599_500)
      await reopened()
      await store.restart(idOf('new1'), 'forgotten')
      await store.restart(idOf('new2'), 'server-went-back')
      expect((await left()).notices.map(({ event }) => 'mayBeLost' in event && event.mayBeLost)).toEqual([[], [idOf('c')]])
    })

    it('[ST20] [OB8] names a confirmed message once: by the first restart after its confirmation, whatever clocks show and whoever opens the store', async () => {
      const confirm = async (n: number, name: string): Promise<void> => {
        await store.append(newMessages(name), true)
        await store.settle(n, idOf(name), [{ id: idOf(name), fate: 'applied' }])
      }
      await confirm(1, 'a')
      await store.restart(idOf('new1'), 'ledger')
      await reopened()
      await confirm(1, 'b')
      await store.restart(idOf('new2'), 'forgotten')
      await store.restart(idOf('new3'), 'cloned')
      await reopened()
      await confirm(1, 'c')
      await store.restart(idOf('new4'), 'server-went-back')
      world.clock.jump(-3_600_000)
      world.clock.beginAgain()
      await reopened()
      await confirm(1, 'd')
      await store.restart(idOf('new5'), 'ledger')
      await store.restart(idOf('new6'), 'ledger')
      expect((await left()).notices.map(({ event }) => 'mayBeLost' in event && event.mayBeLost)).toEqual([
        [idOf('a')],
        [],
        [],
        [idOf('b'), idOf('c')],
        [idOf('d')],
        [],
      ])
    })

    it('[ST20] notes what it is given, each once, and forgets what was heard', async () => {
      const [one, two] = [lossNotice('one'), lossNotice('two')]
      expect(await store.note([one])).toEqual([one])
      const changed = { ...one, event: { ...one.event, requeued: 9 } }
      expect(await store.note([changed, two])).toEqual([changed, two])
      expect((await left()).notices).toEqual([changed, two])
      expect(await store.heard([idOf('one'), idOf('never')])).toEqual([two])
      expect((await left()).notices).toEqual([two])
    })

    it('[ST20] [HU20] keeps what was parked elsewhere with what is noted of it, once and beyond the limits', async () => {
      await reopened({ maxMessages: 1, maxBytes: 100 })
      const [a, b] = newMessages('a', 'b').map((message) => ({ ...message, atMs: 7, fate: 'rejected', reason: 'no' }) as const)
      const letters = a && b ? [a, b] : []
      for (let time = 0; time < 2; time++) expect(await store.note([lossNotice('loss')], letters)).toEqual([lossNotice('loss')])
      await expect(store.append(newMessages('c'), false)).rejects.toMatchObject({ code: 'outbox-full' })
      expect(await left()).toMatchObject({ notices: [lossNotice('loss')], parked: letters })
      await store.unpark(idOf('a'))
      await store.unpark(idOf('b'))
      await reopened({ maxMessages: 1, maxBytes: 14 })
      expect((await store.append(newMessages('c'), false)).entries).toHaveLength(1)
    })

    it('[ST21] [I30] keeps the sixteen latest notices of a kind, and says how many messages the others named', async () => {
      for (let n = 1; n <= 20; n++) await store.note([lossNotice(n, `m${n}`)])
      const { notices } = await left()
      expect(notices.map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, at) => idOf(at + 5)))
      expect(notices[0]?.event.older).toBe(4)
    })

    it('[ST22] a sign-out forgets what the app was not told', async () => {
      await store.append(newMessages('a'), true)
      await store.restart(idOf('new'), 'cloned')
      await store.note([lossNotice('loss')])
      await store.signOut(idOf('next'), false)
      expect((await left()).notices).toEqual([])
    })

    it('[ST22] [SO6] a sign-out that parks keeps it, and notes that messages which may have left may repeat', async () => {
      await store.note([lossNotice('loss')])
      await store.append(newMessages('a'), false)
      await store.signOut(idOf('next1'), true)
      expect((await left()).notices).toEqual([lossNotice('loss')])
      await store.raiseSentThrough(1)
      world.clock.advance(1_000)
      await store.signOut(idOf('next2'), true)
      const event = { atMs: world.clock.steadyMs(), reason: 'signed-out', mayRepeat: [], mayBeLost: [], older: 0 }
      expect((await left()).notices).toEqual([lossNotice('loss'), { id: idOf('next2'), kind: 'outbox-restarted', event }])
      await store.recalled(idOf('next1'), [idOf('a')], [], false)
      expect((await left()).notices[1]).toMatchObject({ id: idOf('next2'), event: { mayRepeat: [idOf('a')] } })
      // Asked about again under a client id whose question is still open: that is the same restart.
      await store.raiseSentThrough(1)
      await store.restart(idOf('next3'), 'forgotten')
      await store.signOut(idOf('next4'), true)
      expect((await left()).notices.map(({ id }) => id)).toEqual([idOf('loss'), idOf('next2'), idOf('next3')])
    })

    it('[ST9] keeps cursor, value and messages of a channel together', async () => {
      const snapshot = { cursor: cursorAt(2), json: '[1]', atMs: 5 }
      await store.saveCache([
        { channel: 'agents', cursor: cursorAt(4), snapshot, append: cachedMessages(3, 4), keepFrom: 0 },
        { channel: 'rooms', cursor: cursorAt(0), append: [], keepFrom: 0 },
      ])
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(5), append: cachedMessages(5, 5), keepFrom: 0 }])
      const { channels } = await left()
      expect(channels.toSorted((a, b) => (a.channel < b.channel ? -1 : 1))).toEqual([
        { channel: 'agents', cursor: cursorAt(5), snapshot, messages: cachedMessages(3, 5) },
        { channel: 'rooms', cursor: cursorAt(0), snapshot: null, messages: [] },
      ])
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(5), snapshot: null, append: [], keepFrom: 0 }])
      await store.dropCache(['rooms'])
      expect((await left()).channels).toEqual([{ channel: 'agents', cursor: cursorAt(5), snapshot: null, messages: cachedMessages(3, 5) }])
    })

    it('[ST9] drops messages nobody needs, without making a hole', async () => {
      for (let from = 1; from <= 41; from += 10) {
        await store.saveCache([
          { channel: 'agents', cursor: cursorAt(from + 9), append: cachedMessages(from, from + 9), keepFrom: from - 15 },
        ])
      }
      const messages = (await left()).channels[0]?.messages ?? []
      expect(messages.at(-1)?.offset).toBe(50)
      expect(messages.length).toBeGreaterThanOrEqual(25)
      expect(messages.length).toBeLessThan(45)
      expect(messages).toEqual(cachedMessages(51 - messages.length, 50))
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(50), append: [], keepFrom: 51 }])
      expect((await left()).channels[0]?.messages).toEqual([])
    })

    it('[ST9] does not give a channel of which a change in the middle is missing', async () => {
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(2), append: cachedMessages(1, 2), keepFrom: 0 }])
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(5), append: cachedMessages(4, 5), keepFrom: 0 }])
      expect((await left()).channels).toEqual([])
    })

    it('[ST9] a new epoch leaves nothing of the old one', async () => {
      const snapshot = { cursor: cursorAt(1), json: '[1]', atMs: 5 }
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(9), snapshot, append: cachedMessages(2, 9), keepFrom: 0 }])
      const cursor = { epoch: idOf('epoch2'), offset: 1, id: idOf('m1') }
      await store.saveCache([{ channel: 'agents', cursor, clear: true, append: cachedMessages(1, 1), keepFrom: 0 }])
      expect((await left()).channels).toEqual([{ channel: 'agents', cursor, snapshot: null, messages: cachedMessages(1, 1) }])
    })

    it('[SO5] a sign-out forgets everything in one step, counts what had no fate, and takes a new client id', async () => {
      const sendOnly = { url: 'wss://app.test/live', token: 'a.b', user: 'ada' }
      await store.saveIdentity({
        session: { id: idOf('session'), token: 't'.repeat(43) },
        ledger: idOf('ledger'),
        since: 7,
        sentThrough: 0,
        sendOnly,
      })
      await store.append(newMessages('a', 'b', 'c', 'd'), true)
      await store.settle(1, idOf('a'), [{ id: idOf('a'), fate: 'rejected', reason: 'rejected', message: 'not yours' }])
      await store.bury([2], 'expired')
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(2), append: cachedMessages(1, 2), keepFrom: 0 }])
      const before = (await left()).outbox.client
      expect(await store.signOut(idOf('next'), false)).toBe(2)
      const after = await left()
      expect(after).toMatchObject({ session: null, sendOnly: null, parked: [], channels: [], signOuts: 1, corrupt: false })
      expect(after.outbox).toEqual({
        client: idOf('next'),
        sender: expect.stringMatching(/^[\w-]{22}$/) as unknown,
        ledger: null,
        since: 0,
        next: 1,
        acked: 0,
        ackedId: '',
        sentThrough: 0,
        entries: [],
      })
      expect(after.outbox.client).not.toBe(before)
      expect(await store.fatesOf([idOf('a'), idOf('b')])).toEqual([])
    })

    it('[SO6] a sign-out that parks keeps the messages for a new client id, to be asked about, and nothing that lets anybody in', async () => {
      const sendOnly = { url: 'wss://app.test/live', token: 'a.b', user: 'ada' }
      await store.saveIdentity({
        session: { id: idOf('session'), token: 't'.repeat(43) },
        ledger: idOf('ledger'),
        since: 7,
        sentThrough: 0,
        sendOnly,
      })
      await store.append(newMessages('a', 'b', 'c'), false)
      await store.raiseSentThrough(1)
      await store.bury([2], 'expired')
      await store.saveCache([{ channel: 'agents', cursor: cursorAt(2), append: cachedMessages(1, 2), keepFrom: 0 }])
      const { client } = (await left()).outbox
      expect(await store.signOut(idOf('next'), true)).toBe(0)
      const after = await left()
      expect(after).toMatchObject({ session: null, sendOnly: null, channels: [], signOuts: 1, corrupt: false })
      expect(after.parked.map(({ id }) => id)).toEqual([idOf('b')])
      expect(after.outbox).toMatchObject({ client: idOf('next'), ledger: null, since: 0, next: 3, sentThrough: 0 })
      expect(after.outbox.entries.map(({ n, id, recall }) => [n, id, recall])).toEqual([
        [1, idOf('a'), [client]],
        [2, idOf('c'), undefined],
      ])
      expect((await store.append(newMessages('d'), false)).entries[0]?.n).toBe(3)
    })

    it('[SO5] nothing that was asked behind a sign-out is stored', async () => {
      const leaving = store.signOut(idOf('next'), false)
      const late = [
        store.append(newMessages('a'), false),
        store.saveCache([{ channel: 'agents', cursor: cursorAt(2), append: cachedMessages(1, 2), keepFrom: 0 }]),
      ]
      for (const call of late) await expect(call).rejects.toMatchObject({ code: 'storage-failed' })
      await leaving
      expect(await left()).toMatchObject({ channels: [], outbox: { next: 1 } })
    })

    it('[SO4] sign-outs are counted for as long as the store lives', async () => {
      expect((await left()).signOuts).toBe(0)
      for (const round of [1, 2, 3]) {
        await store.signOut(idOf(`next${round}`), round === 2)
        expect((await left()).signOuts).toBe(round)
      }
      await store.append(newMessages('a'), false)
      expect((await left()).signOuts).toBe(3)
    })

    it('[OB31] [RT7] who sends is the same under every client id and for every hub; after a sign-out that parks nothing it is another', async () => {
      const { sender } = (await left()).outbox
      expect(sender).toMatch(/^[\w-]{22}$/)
      await store.append(newMessages('a'), true)
      expect((await store.restart(idOf('next1'), 'cloned')).outbox.sender).toBe(sender)
      await store.signOut(idOf('next2'), true)
      expect((await left()).outbox).toMatchObject({ client: idOf('next2'), sender })
      await store.signOut(idOf('next3'), false)
      const other = (await left()).outbox.sender
      expect(other).toMatch(/^[\w-]{22}$/)
      expect(other).not.toBe(sender)
    })

    it('[SO5] [ST5] a store whose lease was taken over signs nobody out', async () => {
      await store.append(newMessages('a'), false)
      const next = world.store()
      await next.open()
      await expect(store.signOut(idOf('next'), false)).rejects.toMatchObject({ code: 'storage-failed' })
      next.close()
      expect((await left()).outbox.entries).toHaveLength(1)
    })

    it('[ST1] a closed store, and one that was never opened, refuses', async () => {
      await expect(world.store().append(newMessages('a'), false)).rejects.toMatchObject({ code: 'storage-failed' })
      store.close()
      await expect(store.append(newMessages('a'), false)).rejects.toMatchObject({ code: 'storage-failed' })
      await expect(store.saveCache([])).rejects.toMatchObject({ code: 'storage-failed' })
    })
  })
}
