import { describe, expect, it } from 'vitest'
import type { Awaitable, Engine } from '../engine.ts'
import {
  channels,
  CLIENT_TTL_MS,
  EngineWorld,
  hello,
  idOf,
  MOST_SESSIONS,
  number,
  SESSION_TTL_MS,
  to,
  type MakeEngine,
} from '../testing/engine-world.ts'
import { budgetContract } from './budget-contract.ts'

const [ADA, BOB] = [idOf('ada'), idOf('bob')]
const MOST_CLIENTS = 4 * MOST_SESSIONS
/** More steps than any one call takes. */
const MOST_STEPS = 100

/** A call that is to happen as a whole or not at all. */
interface Trial {
  /** What was done before. */
  readonly before?: (world: EngineWorld) => Promise<unknown>
  readonly act: (engine: Engine) => Awaitable<unknown>
  /** Whether the call may be made again, when nobody knows what became of it, and comes to the same. */
  readonly isRepeatable: boolean
}

/** So many clients with one number each, the first used longest ago. */
async function clients(world: EngineWorld, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    world.clock.advance(1)
    await world.engine.commit(idOf(`c${at}`), null, [number(1)])
  }
}

async function sessions(world: EngineWorld, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    world.clock.advance(1)
    await world.engine.admit(hello(`s${at}`))
  }
}

const TRIALS: { readonly [name: string]: Trial } = {
  'open, a new channel': { act: (engine) => engine.open('new'), isRepeatable: true },
  'publish, to a channel that is read and holds nothing yet': {
    before: (world) => world.read('new'),
    act: (engine) => engine.publish([to('new')]),
    isRepeatable: false,
  },
  'publish, to several channels of which two are new': {
    before: (world) => world.read('read'),
    act: (engine) => engine.publish([to('read'), to('new'), to('@user ada'), to('new', 2)]),
    isRepeatable: false,
  },
  'publish, where other channels are given up for it': {
    before: (world) => channels(world, 2),
    act: (engine) => engine.publish([to('full3'), to('new'), to('other')]),
    isRepeatable: false,
  },
  'commit, of a new client': {
    before: (world) => world.read('read'),
    act: (engine) => engine.commit(ADA, 'ada', [number(1, to('read'), to('new')), number(2, to('other')), number(3)]),
    isRepeatable: true,
  },
  'commit, of a client with a record': {
    before: async ({ engine }) => void (await engine.commit(ADA, 'ada', [number(1, to('known'))])),
    act: (engine) => engine.commit(ADA, 'ada', [number(2, to('known', 2)), number(3, to('new'))]),
    isRepeatable: true,
  },
  'commit, where channels and a client are given up for it': {
    before: async (world) => {
      await channels(world, 2)
      await clients(world, MOST_CLIENTS)
    },
    act: (engine) => engine.commit(ADA, 'ada', [number(1, to('full3', 7), to('new')), number(2, to('other'))]),
    isRepeatable: true,
  },
  confirm: {
    before: async ({ engine }) => void (await engine.commit(ADA, 'ada', [number(1), number(2)])),
    act: (engine) => engine.confirm(ADA, 1),
    isRepeatable: true,
  },
  'admit, to a new session': { act: (engine) => engine.admit(hello('new')), isRepeatable: true },
  'admit, where another session is given up': {
    before: (world) => sessions(world, MOST_SESSIONS),
    act: (engine) => engine.admit(hello('new', 'new')),
    isRepeatable: true,
  },
  'admit, to the session that is named': {
    before: (world) => sessions(world, 1),
    act: (engine) => engine.admit(hello('new', 's0')),
    isRepeatable: true,
  },
  // Another revocation of the same client ends nothing more than the first: only the count goes on.
  'end, of what a client was given': { act: (engine) => engine.end({ type: 'revoke', client: ADA }), isRepeatable: false },
  'end, of what a user was given': { act: (engine) => engine.end({ type: 'revoke', user: 'ada' }), isRepeatable: false },
  'end, of connections': {
    act: (engine) => engine.end({ type: 'disconnect', of: { user: 'ada' }, close: 'forbidden' }),
    isRepeatable: true,
  },
  release: { before: async ({ engine }) => void (await engine.open('new')), act: (engine) => engine.release('new'), isRepeatable: true },
  forget: { before: (world) => sessions(world, 1), act: (engine) => engine.forget(idOf('s0')), isRepeatable: true },
  touch: {
    before: async (world) => {
      await clients(world, 1)
      await sessions(world, 1)
    },
    act: (engine) => engine.touch([idOf('s0')], [idOf('c0')]),
    isRepeatable: true,
  },
  sweep: {
    before: async (world) => {
      await clients(world, 3)
      await sessions(world, 2)
      await world.engine.publish([to('new')])
      world.used.add(idOf('c2'))
      world.clock.advance(CLIENT_TTL_MS + 1)
    },
    act: (engine) => engine.sweep(),
    isRepeatable: true,
  },
}

/** What every engine does, whatever fails under it, whoever else writes, and however often it is asked. */
export function engineContract(name: string, make: MakeEngine): void {
  const start = (): Promise<EngineWorld> => EngineWorld.start(make)
  const everyClient = [ADA, BOB, ...Array.from({ length: MOST_CLIENTS }, (_, at) => idOf(`c${at}`))]
  const everyKey = ['read', 'known', 'new', 'other', '@user ada', ...[0, 1, 2, 3].flatMap((at) => [`spare${at}`, `full${at}`])]
  const look = (world: EngineWorld): Promise<unknown> => world.look(everyClient, everyKey)

  describe(`${name}: all or nothing`, () => {
    it.each(Object.entries(TRIALS))('[P45] [I7] %s: whichever step fails', async (_, { before, act, isRepeatable }) => {
      const smooth = await start()
      await before?.(smooth)
      await act(smooth.engine)
      const whole = await look(smooth)
      let at = 0
      for (; at < MOST_STEPS; at++) {
        const world = await start()
        await before?.(world)
        const nothing = await look(world)
        world.steps.failAfter(at)
        const error = await attempt(() => act(world.engine))
        world.steps.calm()
        if (!world.steps.hasFailed) break
        const after = await look(world)
        // A step that fails when all is done may be told, or not. One that fails before is told, and nothing has
        // happened.
        const hasHappened = error === undefined || JSON.stringify(after) !== JSON.stringify(nothing)
        expect(after, `after the failure of step ${at}`).toEqual(hasHappened ? whole : nothing)
        if (hasHappened && !isRepeatable) continue
        await act(world.engine)
        expect(await look(world), `repeated after the failure of step ${at}`).toEqual(whole)
      }
      expect(at).toBeLessThan(MOST_STEPS)
    })

    it.each([0, 1])('[P45] tells of every channel that has changed, though step %i of the telling fails', async (at) => {
      const world = await start()
      await world.read('read', 'new')
      const steps = await stepsUntil(world, () => world.engine.publish([to('read'), to('new')]), 'changed read')
      world.told.length = 0
      world.steps.failAfter(steps + at)
      await attempt(() => world.engine.publish([to('read'), to('new')]))
      expect(world.told).toEqual(['changed read', 'changed new'])
    })
  })

  describe(`${name}: refusals`, () => {
    it('[P45] refuses what there is no room for as a whole, and gives up nothing for it', async () => {
      const world = await start()
      await channels(world, 1)
      const before = await look(world)
      expect(await world.engine.publish([to('full3'), to('new'), to('other')])).toBe('no-room')
      expect(await world.engine.commit(ADA, null, [number(1, to('full3')), number(2, to('new'), to('other'))])).toBe('no-room')
      expect([world.engine.probe('new', 0), world.engine.probe('new', 1), world.engine.probe('full3', 9)]).toEqual([
        'new',
        'no-room',
        'known',
      ])
      expect(await look(world)).toEqual(before)
      expect(await world.engine.commit(ADA, null, [number(1, to('full3')), number(2, to('new'))])).toMatchObject({ hi: 2 })
    })

    it('[P45] does not give up a channel that it is about to publish to', async () => {
      const world = await start()
      await channels(world, 1)
      expect(await world.engine.publish([to('spare0'), to('new')])).toBe('no-room')
      expect(world.engine.probe('spare0', 0)).toBe('known')
    })

    it('[P45] refuses a channel of which the app says nothing usable, and that one alone', async () => {
      const world = await start()
      const before = await look(world)
      expect([await world.engine.open('odd'), world.engine.probe('odd', 0)]).toEqual(['no-history', 'no-history'])
      expect(await world.engine.publish([to('new'), to('odd')])).toBe('no-history')
      expect(await world.engine.commit(ADA, null, [number(1, to('new')), number(2, to('odd'))])).toBe('no-history')
      expect(await look(world)).toEqual(before)
      world.odd = { messages: 1, bytes: 1_024, ageMs: 1_000 }
      expect(await world.engine.publish([to('new'), to('odd')])).toMatchObject([{ offset: 1 }, { offset: 1 }])
    })

    it('[P8] makes no room for a session while all are in use', async () => {
      const world = await start()
      await sessions(world, MOST_SESSIONS)
      for (let at = 0; at < MOST_SESSIONS; at++) world.used.add(idOf(`s${at}`))
      expect(await world.engine.admit(hello('new'))).toBeNull()
      world.used.delete(idOf('s0'))
      expect(await world.engine.admit(hello('new'))).toMatchObject({ resumed: false })
      expect(world.told).toContain('dropped.sessions')
    })
  })

  budgetContract(name, make)

  describe(`${name}: lost answers and other writers`, () => {
    it("[P10] [I7] a commit that is made again, or comes after somebody else's, is behind and changes nothing", async () => {
      const world = await start()
      const commit = (n: number): Awaitable<unknown> => world.engine.commit(ADA, null, [number(n, to('known', n))])
      expect(await commit(1)).toMatchObject({ hi: 1 })
      const before = await look(world)
      expect([await commit(1), await commit(3), await world.engine.commit(ADA, null, [])]).toEqual(['behind', 'behind', 'behind'])
      expect(await look(world)).toEqual(before)
      const both = await Promise.all([commit(2), commit(2)])
      expect(both.filter((answer) => answer === 'behind')).toHaveLength(1)
      expect(await commit(3)).toMatchObject({ hi: 3 })
    })

    it('[P6] [P7] [I22] an admission whose answer was lost is given again, with a higher connection number', async () => {
      const { engine } = await start()
      const first = await engine.admit(hello('s'))
      expect(first).toEqual({ resumed: false, session: idOf('s'), connection: 1 })
      expect(await engine.admit(hello('t', 's'))).toEqual({ resumed: true, session: idOf('s'), connection: 2 })
      expect(await engine.admit(hello('t', 's'))).toEqual({ resumed: true, session: idOf('s'), connection: 3 })
      expect(await engine.admit({ ...hello('t', 's'), user: 'bob' })).toMatchObject({ resumed: false, session: idOf('t') })
    })

    it('[P45] what is told has happened: whoever looks then sees all of it', async () => {
      const world = await start()
      await world.read('read', 'new')
      const seen: unknown[] = []
      world.told.push = (...told: string[]) => seen.push([told[0], world.engine.counts().logMessages, world.engine.reach.made])
      await world.engine.commit(ADA, null, [number(1, to('read')), number(2, to('new'))])
      expect(seen).toEqual([
        ['changed read', 2, 1],
        ['changed new', 2, 1],
      ])
    })
  })

  describe(`${name}: limits and clocks`, () => {
    it('[P12] keeps what is largest: long names, long replies, a full history', async () => {
      const world = await start()
      const [key, reply] = [`@user ${'ü '.repeat(128)}`, JSON.stringify('r'.repeat(2 ** 20))]
      const message = {
        n: 1,
        id: idOf('m1'),
        fate: { kind: 'applied', reply },
        publications: Array.from({ length: 500 }, (_, at) => to(key, at)),
      } as const
      expect(await world.engine.commit(ADA, 'ü'.repeat(256), [message])).toMatchObject({ hi: 1, user: 'ü'.repeat(256) })
      expect(await world.engine.publish([])).toEqual([])
      expect(await world.engine.publish([to(key)])).toMatchObject([{ offset: 501 }])
      expect(world.engine.counts()).toMatchObject({ channels: 1, logMessages: 3 })
    })

    it('[P8] [P46] [I24] counts from the last use, and keeps what is in use whatever the clock says', async () => {
      const world = await start()
      const { engine, clock, used } = world
      await engine.admit(hello('s'))
      await engine.commit(ADA, null, [number(1)])
      for (let at = 1; at <= 20; at++) {
        clock.advance(SESSION_TTL_MS - 1)
        if (at % 2) engine.sweep()
        expect(await engine.admit(hello('t', 's'))).toMatchObject({ resumed: true })
        await engine.commit(ADA, null, [number(at + 1)])
      }
      used.add(idOf('s')).add(ADA)
      clock.advance(2 ** 41)
      engine.sweep()
      expect([engine.counts(), engine.reach]).toMatchObject([
        { sessions: 1, clients: 1 },
        { made: 1, forgotten: 0 },
      ])
      expect(await engine.admit(hello('t', 's'))).toMatchObject({ resumed: true })
      used.clear()
      clock.advance(CLIENT_TTL_MS)
      engine.sweep()
      expect([engine.counts(), engine.reach]).toMatchObject([
        { sessions: 0, clients: 0 },
        { made: 1, forgotten: 1 },
      ])
      expect(await engine.admit(hello('t', 's'))).toMatchObject({ resumed: false })
    })

    it('[P43] counts which records were given up: never one that came after those, and never less than it was', async () => {
      const world = await start()
      await clients(world, MOST_CLIENTS)
      expect(world.engine.reach).toEqual({ made: MOST_CLIENTS, forgotten: 0 })
      // The oldest is in use, the next was used just now.
      world.used.add(idOf('c0'))
      world.engine.touch([], [idOf('c1')])
      await world.engine.commit(ADA, null, [number(1)])
      expect(world.engine.reach).toEqual({ made: MOST_CLIENTS + 1, forgotten: 3 })
      expect([await world.engine.loadClient(idOf('c2')), await world.engine.loadClient(idOf('c1'))]).toMatchObject([null, { hi: 1 }])
      world.used.clear()
      await world.engine.commit(BOB, null, [number(1)])
      expect(world.engine.reach.forgotten).toBeGreaterThanOrEqual(3)
      expect(world.told.filter((told) => told === 'dropped.clients')).toHaveLength(2)
    })

    it('[I35] a wall clock that jumps ends nothing', async () => {
      const world = await start()
      const { engine, clock } = world
      await engine.admit(hello('s'))
      await engine.commit(ADA, null, [number(1, to('known'))])
      for (const jumpMs of [2 ** 41, -(2 ** 42), 2 ** 41]) {
        clock.jump(jumpMs)
        engine.sweep()
      }
      expect(engine.counts()).toMatchObject({ sessions: 1, clients: 1, channels: 1, logMessages: 1 })
      expect(await engine.admit(hello('t', 's'))).toMatchObject({ resumed: true })
    })
  })
}

async function attempt(act: () => Awaitable<unknown>): Promise<unknown> {
  try {
    await act()
    return undefined
  } catch (error) {
    return error ?? new Error('nothing was thrown')
  }
}

/** Steps of a call before the host is told something. */
async function stepsUntil(world: EngineWorld, act: () => Awaitable<unknown>, told: string): Promise<number> {
  for (let steps = 0; ; steps++) {
    world.told.length = 0
    world.steps.failAfter(steps)
    await attempt(act)
    world.steps.calm()
    if (world.told.includes(told)) return steps
  }
}
