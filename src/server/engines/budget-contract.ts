import { describe, expect, it } from 'vitest'
import type { Admittance, Commit, Publication } from '../engine.ts'
import type { Holder } from '../holder.ts'
import { channels, EngineWorld, hello, idOf, MOST_CHANNELS, number, RECORD_BYTES, to, type MakeEngine } from '../testing/engine-world.ts'
import type { Cursor } from '../../protocol/index.ts'

const [ADA, BOB] = [idOf('ada'), idOf('bob')]

/** What every engine does with its budgets. */
export function budgetContract(name: string, make: MakeEngine): void {
  describe(`${name}: budgets`, () => {
    const start = (): Promise<EngineWorld> => EngineWorld.start(make)
    const stranger = (at: number): Holder => ({ pool: 'anonymous', name: `client ${at}` })

    it('[BU3] reading channels that nobody has published to takes no place, and their places outlive the reader', async () => {
      const world = await start()
      await channels(world, 0)
      const cursors = []
      for (let at = 0; at < 100; at++) {
        const log = await world.engine.open(`empty${at}`)
        if (typeof log !== 'string') cursors.push(log.headCursor())
        world.engine.release(`empty${at}`)
      }
      expect([cursors.length, world.engine.counts().channels]).toEqual([100, MOST_CHANNELS])
      for (let at = 0; at < 100; at++) {
        const log = await world.engine.open(`empty${at}`)
        expect(typeof log === 'string' ? log : log.judge(cursors[at] ?? { epoch: '', offset: 0, id: '' })).toBeNull()
      }
    })

    it('[BU3] [BU4] [P21] a channel that was given up begins another epoch, though it is empty again', async () => {
      const world = await start()
      const place = async (): Promise<Cursor | undefined> => {
        const log = await world.engine.open('spare0')
        if (typeof log === 'string') return undefined
        world.engine.release('spare0')
        return log.headCursor()
      }
      const before = await place()
      await channels(world, 1)
      await world.engine.publish([to('new')])
      const after = await place()
      expect([before?.offset, after?.offset, world.told.includes('dropped.channels')]).toEqual([0, 0, true])
      expect(before?.epoch).not.toBe(after?.epoch)
    })

    it('[BU2] what nobody uses pays, and of it the oldest of whoever has most', async () => {
      const world = await start()
      const by = (user: string): Holder => ({ pool: 'user', name: user })
      await world.engine.publish([to('known')], by('ada'))
      for (const key of ['full0', 'full1', 'full2']) await world.engine.publish([to(key)], by('bob'))
      await world.read('full0')
      await world.engine.publish([to('new')], by('ada'))
      expect(['known', 'full0', 'full1', 'full2', 'new'].map((key) => world.engine.probe(key, 0, by('ada')))).toEqual([
        'known',
        'known',
        'new',
        'known',
        'known',
      ])
    })

    it('[BU1] [BU2] nobody pays for somebody who comes before him: the app for no user, no user for a stranger', async () => {
      const world = await start()
      const ada: Holder = { pool: 'user', name: 'ada' }
      for (const key of ['full0', 'full1']) await world.engine.publish([to(key)])
      for (const key of ['full2', 'full3']) await world.engine.publish([to(key)], ada)
      expect(await world.engine.publish([to('new')], stranger(1))).toBe('no-room')
      expect(world.engine.probe('new', 0, stranger(1))).toBe('no-room')
      expect(await world.engine.commit(BOB, null, [number(1, to('new'))], stranger(1))).toBe('no-room')
      expect(await world.engine.publish([to('new')], ada)).toMatchObject([{ offset: 1 }])
      expect(await world.engine.publish([to('known')])).toMatchObject([{ offset: 1 }])
      expect(['full0', 'full1'].map((key) => world.engine.probe(key, 0))).toEqual(['known', 'known'])
      expect(world.told.filter((told) => told.endsWith('channels'))).toEqual([
        'refused.channels',
        'refused.channels',
        'dropped.channels',
        'dropped.channels',
      ])
    })

    it('[BU1] [BU4] replies that nobody confirms: records are given up within the budget, the largest first', async () => {
      const world = await start()
      const reply = (n: number, length: number): Commit => ({ ...number(n), fate: { kind: 'applied', reply: `"${'r'.repeat(length)}"` } })
      await world.engine.commit(ADA, null, [reply(1, 10)], stranger(0))
      for (let at = 1; at <= 40; at++) {
        world.clock.advance(1)
        await world.engine.commit(idOf(`c${at}`), null, [reply(1, 300_000)], stranger(at))
      }
      const { clients, recordBytes } = world.engine.counts()
      expect(recordBytes).toBeLessThanOrEqual(RECORD_BYTES)
      expect(world.told.filter((told) => told === 'dropped.clients')).toHaveLength(41 - clients)
      expect([await world.engine.loadClient(ADA), await world.engine.loadClient(idOf('c1'))]).toMatchObject([{ hi: 1 }, null])
      expect(world.engine.reach.forgotten).toBe(41 - clients + 1)
    })

    it('[BU1] [BU4] a record that is in use and has to make room is told of: its connection is to end', async () => {
      const world = await start()
      world.used.add(ADA)
      const reply = { kind: 'applied', reply: `"${'r'.repeat(RECORD_BYTES)}"` } as const
      await world.engine.commit(ADA, null, [{ ...number(1), fate: reply }], stranger(0))
      expect(world.told).toContain(`crowded ${ADA}`)
    })

    it('[BU1] [BU4] a burst of replies makes room before it is kept, also that of one who is in use', async () => {
      const world = await start()
      world.used.add(ADA)
      await world.engine.commit(ADA, null, [number(1)], stranger(0))
      for (let at = 1; at <= 6; at++) await world.engine.commit(idOf(`c${at}`), null, [number(1)], stranger(at))
      const reply = { kind: 'applied', reply: `"${'r'.repeat(300_000)}"` } as const
      await world.engine.commit(
        ADA,
        null,
        [
          { ...number(2), fate: reply },
          { ...number(3), fate: reply },
        ],
        stranger(0),
      )
      expect(world.engine.counts().recordBytes).toBeLessThanOrEqual(RECORD_BYTES)
      expect(await world.engine.loadClient(ADA)).toMatchObject({ hi: 3 })
      world.engine.confirm(ADA, 3)
      expect(world.told.filter((told) => told.startsWith('crowded'))).toEqual([])
    })

    it('[BU1] sessions: one user has a share, and keeps nobody else out', async () => {
      const world = await EngineWorld.start(make, { maxSessions: 100 })
      const of = (user: string, at: number): Admittance => ({ ...hello(`${user}${at}`), user })
      for (let at = 0; at < 16; at++) {
        expect(await world.engine.admit(of('ada', at))).toMatchObject({ resumed: false })
        world.used.add(idOf(`ada${at}`))
      }
      expect([await world.engine.admit(of('ada', 16)), await world.engine.admit(of('bob', 1))]).toMatchObject([null, { resumed: false }])
      world.used.delete(idOf('ada3'))
      expect(await world.engine.admit(of('ada', 17))).toMatchObject({ resumed: false })
      world.used.add(idOf('ada17'))
      expect(await world.engine.admit({ ...of('ada', 18), resume: { id: idOf('ada3'), tokenHash: 'hash ada3' } })).toBeNull()
    })

    it('[BU1] histories: where all channels are read, the one that is published to keeps less', async () => {
      const world = await EngineWorld.start(make, { maxHistoryBytes: 2 ** 20, history: { messages: 100, bytes: 2 ** 22, ageMs: 2 ** 40 } })
      const text = JSON.stringify('x'.repeat(100_000))
      const keys = ['full0', 'full1', 'full2', 'full3']
      await world.read(...keys)
      for (let at = 0; at < 40; at++) await world.engine.publish([{ key: keys[at % 4] ?? '', data: text }])
      expect(world.engine.counts().logBytes).toBeLessThanOrEqual(2 ** 20)
      expect(world.engine.counts()).toMatchObject({ channels: 4 })
      expect(world.engine.counts().logMessages).toBeGreaterThanOrEqual(8)
    })

    it('[BU1] a channel belongs to whoever pays last of those who published to it', async () => {
      const world = await start()
      const ada: Holder = { pool: 'user', name: 'ada' }
      await world.engine.publish([to('known')], stranger(1))
      await world.engine.publish([to('known')])
      await world.engine.publish([to('full0')])
      await world.engine.publish([to('full0')], stranger(1))
      for (const key of ['full1', 'full2']) await world.engine.publish([to(key)], ada)
      await world.read('full1', 'full2')
      expect(await world.engine.publish([to('new')], ada)).toBe('no-room')
      expect(await world.engine.publish([to('new')])).toMatchObject([{ offset: 1 }])
    })

    it('[BU2] what is about to be published to makes room for nothing, and does so again when that was refused', async () => {
      const world = await start()
      await world.engine.publish([to('spare0')], stranger(1))
      for (const key of ['spare1', 'full2', 'full3']) await world.engine.publish([to(key)], { pool: 'user', name: 'ada' })
      await world.read('full2', 'full3')
      // Whoever pays first is the one that is published to.
      expect(await world.engine.publish([to('spare0'), to('new')])).toMatchObject([{ offset: 2 }, { offset: 1 }])
      expect(await world.engine.publish([to('spare0'), to('other'), to('another')])).toBe('no-room')
      await world.read('new')
      expect(await world.engine.publish([to('other')])).toMatchObject([{ offset: 1 }])
    })

    it('[BU3] every channel that is given up begins another epoch, also the second one', async () => {
      const world = await start()
      await channels(world, 2)
      await world.engine.publish([to('new')])
      await world.read('new')
      const log = await world.engine.open('late')
      const before = typeof log === 'string' ? undefined : log.headCursor()
      await world.engine.publish([to('late')], stranger(1))
      world.engine.release('late')
      await world.engine.publish([to('other')])
      expect(world.told.filter((told) => told === 'dropped.channels')).toHaveLength(3)
      const again = await world.engine.open('late')
      expect(typeof again === 'string' || before === undefined ? again : again.judge(before)).toMatchObject({ reason: 'epoch' })
    })

    it('[BU2] nobody gives up the record that he is about to commit to', async () => {
      const world = await start()
      await world.engine.commit(ADA, null, [number(1)], stranger(0))
      const fate = { kind: 'applied', reply: `"${'r'.repeat(RECORD_BYTES)}"` } as const
      await world.engine.commit(ADA, null, [{ ...number(2), fate }], stranger(0))
      expect(await world.engine.loadClient(ADA)).toMatchObject({ hi: 2 })
      expect(world.told).not.toContain('dropped.clients')
    })

    it('[BU2] [BU4] [BU8] so many give up something at a time, and nobody ends who is connected as long as others can', async () => {
      const world = await EngineWorld.start(make, { maxSessions: 1_000 })
      for (let at = 0; at < 4_000; at++) await world.engine.commit(idOf(`c${at}`), null, [number(1)], stranger(at))
      world.used.add(ADA)
      world.told.length = 0
      const fate = { kind: 'applied', reply: `"${'r'.repeat(50_000)}"` } as const
      await world.engine.commit(ADA, null, [{ ...number(1), fate }], stranger(5_000))
      expect(world.told.filter((told) => told.startsWith('crowded'))).toEqual([])
      expect(world.told.filter((told) => told === 'dropped.clients')).toHaveLength(64)
    })

    it('[BU1] [BU2] histories: what nobody reads goes before the channel that is published to keeps less, and one message stays', async () => {
      const world = await EngineWorld.start(make, { maxHistoryBytes: 2 ** 20, history: { messages: 100, bytes: 2 ** 22, ageMs: 2 ** 40 } })
      const of = (key: string, length: number): Publication => ({ key, data: JSON.stringify('x'.repeat(length)) })
      await world.engine.publish([to('spare0')])
      await world.read('full0')
      for (let at = 0; at < 9; at++) await world.engine.publish([of('full0', 100_000)])
      expect([world.told.filter((told) => told === 'dropped.channels').length, world.engine.counts().logMessages]).toEqual([1, 9])
      const full = await EngineWorld.start(make, { maxHistoryBytes: 2 ** 20, history: { messages: 100, bytes: 2 ** 22, ageMs: 2 ** 40 } })
      await channels(full, 0)
      await full.engine.publish([of('full0', 300_000)])
      expect(full.engine.counts().logMessages).toBe(4)
    })
  })
}
