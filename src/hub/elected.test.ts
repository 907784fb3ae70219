import { describe, expect, it } from 'vitest'
import { holdLock, newestHub } from '../bridge/liveness.ts'
import { ownerLockName } from '../bridge/lock-names.ts'
import { id, message } from '../core/testing/frames.ts'
import { numbersSent, perTest, settled, type TestWorld } from './test-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

describe('a hub in a worker of a tab', () => {
  it('[EL1] says so in every state', async () => {
    const tab = world.tab(world.hub(0, { shared: false }))
    await tab.attach()
    await world.accept()
    expect(tab.status).toBe('connected')
    const states = tab.batches.flatMap(({ state }) => state ?? [])
    expect(states.length).toBeGreaterThan(0)
    expect(states.filter(({ shared }) => shared)).toEqual([])
  })

  it('[EL3] takes the owner lock after three seconds from a SharedWorker that does not let go, with all that waits', async () => {
    const shared = world.tab(world.hub(0, { deaf: true }))
    await shared.attach()
    const socket = await world.accept()
    await shared.hub.send([message('a')])
    const tab = world.tab(world.hub(0, { shared: false }))
    await tab.attach()
    world.clock.advance(2_999)
    await settled()
    expect(socket.closedWith).toBeNull()
    world.clock.advance(1)
    await settled()
    expect(socket.closedWith).not.toBeNull()
    await world.accept()
    expect(tab.status).toBe('connected')
    expect(numbersSent(world.sockets.last())).toEqual([[1, id('a')]])
    // The other hub is gone for its tabs, too.
    const held = (await world.locks.query()).held ?? []
    expect(held.filter(({ name }) => name?.includes(':hub:'))).toHaveLength(1)
  })

  it('[EL3] [DS2] is let go before by a SharedWorker that hears of it', async () => {
    const shared = world.tab(world.hub())
    await shared.attach()
    const socket = await world.accept()
    const tab = world.tab(world.hub(0, { shared: false }))
    await tab.attach()
    await settled()
    expect(socket.closedWith).not.toBeNull()
    await world.accept()
    expect(tab.status).toBe('connected')
    expect(await newestHub(world.locks, id('scope'))).toMatchObject({ epoch: 1, rung: 'elected' })
  })

  it('[EL3] begins at once when nobody has the owner lock, and as soon as it is let go', async () => {
    const other = await holdLock(world.locks, ownerLockName(id('scope')))
    const tab = world.tab(world.hub(0, { shared: false }))
    await tab.attach()
    other.release()
    await world.accept()
    expect(tab.status).toBe('connected')
  })

  it('[EL7] [I4] one that hung and goes on later neither writes nor sends', async () => {
    const frozen = world.tab(world.hub(0, { shared: false }))
    await frozen.attach()
    const socket = await world.accept()
    await frozen.hub.send([message('a')])
    // Its locks were taken over while it hung; it learns of it only with its next write.
    world.disk.lease++
    const received = socket.received.length
    void frozen.hub.send([message('b')])
    await settled()
    expect(socket.received).toHaveLength(received)
    expect(socket.closedWith).not.toBeNull()
    const next = world.tab(world.hub(1, { shared: false }))
    await next.attach()
    await world.accept()
    await next.hub.send([message('b')])
    expect(numbersSent(world.sockets.last())).toEqual([
      [1, id('a')],
      [2, id('b')],
    ])
  })
})
