import { describe, expect, it } from 'vitest'
import { livingHubs } from '../bridge/liveness.ts'
import { hubLockName, ownerLockName } from '../bridge/lock-names.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import { id, message } from '../core/testing/frames.ts'
import { newcomer, numbersSent, perTest, settled, type TestTab, type TestWorld } from './test-hub.ts'

const SCOPE = id('scope')

let world: TestWorld
perTest((made) => (world = made))

/** A tab that was loaded after the site was cleared: it sees none of the locks from before. */
function loadedLater(hub: ReturnType<TestWorld['hub']>): TestTab {
  const tab = world.tab(hub)
  tab.locks = new PrivateLocks()
  return tab
}

describe('a hub and a tab in two lock tables', () => {
  it('[TB30] a tab whose lock is not seen is told so, with the hub’s lock, and not taken', async () => {
    const tab = loadedLater(world.hub())
    const answer = await tab.attach()
    const [hub] = await livingHubs(world.locks, SCOPE)
    expect(answer).toMatchObject({ ok: true, value: { apart: true, lock: hub && hubLockName(SCOPE, hub) } })
    expect(await tab.hub.subscribe([newcomer('a')])).toMatchObject({ ok: false, error: { code: 'closed' } })
    expect(await tab.hub.ping()).toMatchObject({ ok: false, error: { code: 'closed' } })
    expect(world.sockets.all).toEqual([])
    expect(tab.batches).toEqual([])
  })

  it('[TB30] a tab whose lock is seen is taken as ever', async () => {
    const tab = world.tab(world.hub())
    const answer = await tab.attach({ apart: true })
    expect(answer.ok && 'apart' in answer.value).toBe(false)
    await tab.die()
    expect(await Promise.race([tab.hub.ping(), settled().then(() => 'silent')])).toBe('silent')
  })

  it('[TB32] a tab that insists is served though its lock is never seen', async () => {
    const tab = loadedLater(world.hub())
    expect(await tab.attach({ apart: true })).toMatchObject({ ok: true, value: { apart: true } })
    const socket = await world.accept()
    expect(tab.status).toBe('connected')
    expect(await tab.hub.send([message('a')])).toMatchObject({ ok: true })
    await settled()
    expect(numbersSent(socket)).toEqual([[1, id('a')]])
  })

  it('[TB32] such a tab is given up when it has said nothing for 150 s, and told when it comes back', async () => {
    const hub = world.hub()
    const tab = loadedLater(hub)
    await tab.attach({ apart: true, channels: [newcomer('a')] })
    const socket = await world.accept()
    const pass = async (delayMs: number): Promise<void> => {
      for (let passedMs = 0; passedMs < delayMs; passedMs += 5_000) {
        world.clock.advance(5_000)
        if (socket.closedWith === null) socket.send({ type: 'pong' })
        await settled(2)
      }
    }
    await pass(145_000)
    expect(await tab.hub.ping()).toMatchObject({ ok: true })
    await pass(145_000)
    expect(await tab.hub.send([message('a')])).toMatchObject({ ok: true })
    await pass(155_000)
    expect(await tab.hub.ping()).toMatchObject({ ok: false, error: { code: 'closed' } })
    expect(socket.received.at(-1)).toMatchObject({ type: 'unsubscribe' })
    expect(await tab.attach({ apart: true })).toMatchObject({ ok: true })
    expect(await tab.hub.ping()).toMatchObject({ ok: true })
  })
})

describe('two hubs that do not see each other', () => {
  it.each([0, 7])('[DS10] the one that was there (generation %i) lets go when the other has a tab', async (generation) => {
    const old = world.tab(world.hub(generation))
    await old.attach()
    const socket = await world.accept()
    await old.hub.send([message('a')])
    const locks = new PrivateLocks()
    const next = world.hub(0, { locks })
    const tab = world.tab(next)
    tab.locks = locks
    await tab.attach()
    await settled()
    expect(socket.closedWith).not.toBeNull()
    expect(await livingHubs(world.locks, SCOPE)).toEqual([])
    expect((await world.locks.query()).held?.filter(({ name }) => name === ownerLockName(SCOPE))).toEqual([])
    const resumed = await world.accept()
    expect(numbersSent(resumed)).toEqual([[1, id('a')]])
    expect(tab.status).toBe('connected')
  })

  it('[DS10] one that has no tab yet changes nothing', async () => {
    const old = world.tab(world.hub())
    await old.attach()
    const socket = await world.accept()
    world.hub(0, { locks: new PrivateLocks() })
    await settled()
    expect(socket.closedWith).toBeNull()
    expect(await old.hub.ping()).toMatchObject({ ok: true })
  })

  it('[HU22] a hub whose own lock is taken lets go of its tabs', async () => {
    const old = world.tab(world.hub())
    await old.attach()
    const socket = await world.accept()
    const [hub] = await livingHubs(world.locks, SCOPE)
    world.locks.take(hub ? hubLockName(SCOPE, hub) : '')
    await settled()
    expect(socket.closedWith).not.toBeNull()
    expect(await Promise.race([old.hub.ping(), settled().then(() => 'silent')])).toBe('silent')
  })
})
