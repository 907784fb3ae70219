import { describe, expect, it } from 'vitest'
import { holdLock, livingHubs } from '../bridge/liveness.ts'
import { hubLockName, ownerLockName } from '../bridge/lock-names.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { id, message } from '../core/testing/frames.ts'
import { DEFAULT_OUTBOX } from '../core/settings.ts'
import { createSuccession, type Succession } from './succession.ts'
import { numbersSent, perTest, settled, twoTabs, type TestTab, type TestWorld } from './test-hub.ts'
import { TestHubs } from './testing/test-hubs.ts'

const SCOPE = id('scope')

let world: TestWorld
perTest((made) => (world = made))

/** The hubs that live, the newest first. */
async function register(): Promise<string[]> {
  return (await livingHubs(world.locks, SCOPE)).map(({ epoch, generation, build }) => `${epoch}/${generation}/${build}`)
}

async function attachTo(tab: TestTab, hub: ReturnType<TestWorld['hub']>, changes: object = {}): Promise<void> {
  expect(await tab.attachAgain(hub, changes)).toMatchObject({ ok: true })
}

describe('hubs of two builds', () => {
  it('[DS1] [DS2] the newer one asks the older, which closes socket and store and lets its tabs go, and the session goes on', async () => {
    const { one, two, socket } = await twoTabs(world)
    await one.hub.send([message('a')])
    const next = world.hub(0, { build: 'b2' })
    const loaded = world.tab(next)
    expect(await loaded.attach()).toMatchObject({ ok: true })
    await settled()
    expect(socket.closedWith).not.toBeNull()
    expect(await register()).toEqual(['1/0/b2'])
    await attachTo(one, next, { returning: true })
    const resumed = await world.accept()
    expect(world.sockets.all).toHaveLength(2)
    expect(resumed.received[0]).toMatchObject({ type: 'hello', session: expect.anything() as unknown })
    expect(numbersSent(resumed)).toEqual([[1, id('a')]])
    expect(one.status).toBe('connected')
    const ping = two.hub.ping()
    await settled()
    world.clock.advance(10_000)
    expect(await ping).toMatchObject({ ok: false })
  })

  it('[DS2] does not touch socket and store while the newer one has no tab', async () => {
    const { one, socket } = await twoTabs(world)
    world.hub(0, { build: 'b2' })
    await settled()
    expect(await register()).toEqual(['1/0/b2', '0/0/'])
    expect(socket.closedWith).toBeNull()
    expect(await one.hub.ping()).toMatchObject({ ok: true })
  })

  it('[DS3] the older build comes back the same way, and again', async () => {
    const tab = world.tab(world.hub())
    await tab.attach()
    const builds = ['b2', '', 'b2', '']
    for (const [at, build] of builds.entries()) {
      const hub = world.hub(at, { build })
      const loaded = world.tab(hub)
      expect(await loaded.attach()).toMatchObject({ ok: true })
      await attachTo(tab, hub, { returning: true })
      await world.accept()
      expect(tab.status).toBe('connected')
      expect(await register()).toEqual([`${at + 1}/${at}/${build}`])
    }
    expect(world.sockets.all.filter(({ closedWith }) => closedWith === null)).toHaveLength(1)
  })

  it('[DS2] refuses tabs that come to a hub that has let go, so that they look for the newer one', async () => {
    const old = world.hub()
    await world.tab(old).attach()
    await world.tab(world.hub(0, { build: 'b2' })).attach()
    expect(await world.tab(old).attach()).toMatchObject({ ok: false, error: { code: 'closed' } })
  })

  it('[DS7] tabs of the older build take the newer one’s settings; a page that was just loaded must agree', async () => {
    const other = { outbox: { ...DEFAULT_OUTBOX, maxMessages: 5 } }
    const { one } = await twoTabs(world)
    const next = world.hub(0, { build: 'b2' })
    expect(await world.tab(next).attach({}, other)).toMatchObject({ ok: true })
    await attachTo(one, next, { returning: true })
    const refused = world.tab(next).attach()
    await settled()
    world.clock.advance(1_000)
    expect(await refused).toMatchObject({ ok: false, error: { code: 'options-disagree' } })
  })
})

describe('the order of hubs', () => {
  const newcomer = (
    locks: PrivateLocks,
    others: TestHubs,
    instance: string,
    superseded: () => void,
    clock: ReturnType<typeof createFakeClock> = createFakeClock(),
    hears: () => boolean = () => true,
  ): Succession =>
    createSuccession(
      {
        clock,
        random: { fraction: () => 0, id: () => id('never') },
        locks,
        log: () => {},
        scope: SCOPE,
        generation: 0,
        build: '',
        url: 'hub.js',
        hubs: others.end(hears),
        shared: true,
        openSocket: () => () => ({ send: () => {}, bufferedBytes: () => 0, close: () => {} }),
        durableStore: () => {
          throw new Error('not asked')
        },
        memoryStore: () => {
          throw new Error('not asked')
        },
      },
      id(instance),
      superseded,
    )

  it.each([
    ['the one with the higher id first', ['zz', 'aa']],
    ['the one with the lower id first', ['aa', 'zz']],
  ])('[DS1] [DS4] of two that start at the same moment one lets go and the other owns: %s', async (_case, names) => {
    const [locks, others] = [new PrivateLocks(), new TestHubs()]
    const let_go: string[] = []
    const both = names.map((name) => {
      const one = newcomer(locks, others, name, () => {
        let_go.push(name)
        one.leave()
      })
      return one
    })
    const owned = await Promise.allSettled(both.map((one) => one.own()))
    await settled()
    expect(let_go).toEqual(['aa'])
    expect((await livingHubs(locks, SCOPE)).map(({ instance }) => instance)).toEqual([id('zz')])
    expect(owned[names.indexOf('zz')]?.status).toBe('fulfilled')
    expect((await locks.query()).held?.filter(({ name }) => name === ownerLockName(SCOPE))).toHaveLength(1)
  })

  it('[DS4] a hub that slept while a newer one asked is answered when it comes, and lets go', async () => {
    const [locks, others] = [new PrivateLocks(), new TestHubs()]
    let isAwake = false
    let letGo = false
    const older = newcomer(
      locks,
      others,
      'zz',
      () => (letGo = true),
      createFakeClock(),
      () => isAwake,
    )
    await older.entered
    const newer = newcomer(locks, others, 'aa', () => {})
    await newer.own()
    await settled()
    expect(letGo).toBe(false)
    isAwake = true
    const owning = older.own()
    await settled()
    expect(letGo).toBe(true)
    older.leave()
    await expect(owning).rejects.toThrow()
  })

  it('[DS10] one that has let go since it said so is not taken for one of another lock table', async () => {
    const [locks, others] = [new PrivateLocks(), new TestHubs()]
    let letGo = false
    const hub = newcomer(locks, others, 'zz', () => (letGo = true))
    await hub.own()
    const elsewhere = others.end()
    elsewhere.tell({ epoch: 0, instance: id('aa'), sees: [id('zz')] })
    await settled()
    expect(letGo).toBe(false)
    elsewhere.tell({ epoch: 0, instance: id('aa'), sees: [] })
    await settled()
    expect(letGo).toBe(true)
    hub.leave()
  })

  it('[DS4] a hub that let go while it waited takes nothing from the one that owns', async () => {
    const [locks, others, clock] = [new PrivateLocks(), new TestHubs(), createFakeClock()]
    await holdLock(locks, hubLockName(SCOPE, { epoch: 0, instance: id('old'), generation: 0, rung: 'shared', build: '', url: 'hub.js' }))
    const owner = await holdLock(locks, ownerLockName(SCOPE))
    const one = newcomer(locks, others, 'one', () => {}, clock)
    const owning = one.own()
    await settled()
    one.leave()
    await expect(owning).rejects.toThrow()
    clock.advance(60_000)
    await settled()
    expect(owner.isHeld()).toBe(true)
  })

  it('[DS5] takes the owner lock from a hub that does not let go once, after five seconds, and never from one it does not come after', async () => {
    const [locks, others, clock] = [new PrivateLocks(), new TestHubs(), createFakeClock()]
    const elsewhere = await holdLock(locks, ownerLockName(SCOPE))
    const first = newcomer(locks, others, 'first', () => {}, clock)
    const owning = first.own()
    await settled()
    clock.advance(60_000)
    await settled()
    expect(elsewhere.isHeld()).toBe(true)
    // A newer one, which comes after `first`.
    const deaf = newcomer(locks, new TestHubs(), 'second', () => {}, clock)
    const taking = deaf.own()
    await settled()
    clock.advance(4_999)
    await settled()
    expect(elsewhere.isHeld()).toBe(true)
    clock.advance(1)
    expect((await taking).wasTaken).toBe(true)
    expect(elsewhere.isHeld()).toBe(false)
    expect((await livingHubs(locks, SCOPE)).map(({ instance }) => instance)).toEqual([id('second')])
    first.leave()
    await expect(owning).rejects.toThrow()
  })

  it('[DS5] [I32] takes over also while pages that stand still wait for the end of a hub that is long gone', async () => {
    const [locks, others, clock] = [new PrivateLocks(), new TestHubs(), createFakeClock()]
    const named = { generation: 0, rung: 'shared', build: '', url: 'hub.js' } as const
    const gone = hubLockName(SCOPE, { epoch: 0, instance: id('gone'), ...named })
    for (let page = 0; page < 2; page++) void locks.request(gone, { mode: 'shared' }, () => new Promise(() => {})).catch(() => {})
    const hanging = await holdLock(locks, hubLockName(SCOPE, { epoch: 1, instance: id('hanging'), ...named }))
    await holdLock(locks, ownerLockName(SCOPE))
    const owning = newcomer(locks, others, 'next', () => {}, clock).own()
    await settled()
    clock.advance(5_000)
    expect((await owning).wasTaken).toBe(true)
    expect(hanging.isHeld()).toBe(false)
  })
})
