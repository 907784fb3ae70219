import { describe, expect, it } from 'vitest'
import { PrivateLocks } from './private-locks.ts'
import { holdLock, livingHubs, newestHub, whenFree } from './liveness.ts'
import {
  hubLockName,
  hubName,
  leaderLockName,
  parseHubLock,
  parseHubName,
  parseLeaderLock,
  tabLockName,
  type LiveHub,
} from './lock-names.ts'

const SCOPE = 'SSSSSSSSSSSSSSSSSSSSSS'
const ID = 'AAAAAAAAAAAAAAAAAAAAAA'

const OTHER = 'Z'.repeat(22)

const hub = (changes: Partial<LiveHub>): LiveHub => ({
  epoch: 0,
  instance: ID,
  generation: 0,
  rung: 'shared',
  build: '',
  url: '/hub.js',
  ...changes,
})

describe('locks that say who lives', () => {
  it('[TB6] tells all waiters when the holder is gone', async () => {
    const locks = new PrivateLocks()
    const lock = await holdLock(locks, 'a')
    const signal = new AbortController().signal
    const freed: number[] = []
    const waiting = [1, 2].map((n) => whenFree(locks, 'a', signal).then(() => freed.push(n)))
    await locks.query()
    expect(freed).toEqual([])
    lock.release()
    await Promise.all(waiting)
    expect(freed).toEqual([1, 2])
  })

  it('[TB6] says nothing after its signal aborted', async () => {
    const locks = new PrivateLocks()
    const lock = await holdLock(locks, 'a')
    const abort = new AbortController()
    let told = false
    void whenFree(locks, 'a', abort.signal).then(() => (told = true))
    abort.abort()
    lock.release()
    await whenFree(locks, 'a', new AbortController().signal)
    expect(told).toBe(false)
  })

  it('[TB6] says nothing when its signal aborted while the lock was being granted', async () => {
    const abort = new AbortController()
    let told = false
    const late = {
      request: (_name: string, _options: LockOptions, run: () => void) => Promise.resolve().then(run),
    } as unknown as PrivateLocks
    void whenFree(late, 'a', abort.signal).then(() => (told = true))
    abort.abort()
    await new PrivateLocks().query()
    await Promise.resolve()
    await Promise.resolve()
    expect(told).toBe(false)
  })

  it('[TB6] notices that the browser took a lock away', async () => {
    const locks = new PrivateLocks()
    let taken = 0
    const lock = await holdLock(locks, 'a', () => taken++)
    expect([lock.isHeld(), taken]).toEqual([true, 0])
    locks.take('a')
    await whenFree(locks, 'a', new AbortController().signal)
    expect([lock.isHeld(), taken]).toEqual([false, 1])
  })

  it('[TB6] has lost nothing when the browser gives no lock, or when it was released', async () => {
    let taken = 0
    const refusing = { request: () => Promise.reject(new Error('no')) } as unknown as PrivateLocks
    await expect(holdLock(refusing, 'a', () => taken++)).rejects.toThrow('no')
    const locks = new PrivateLocks()
    const lock = await holdLock(locks, 'a', () => taken++)
    lock.release()
    await whenFree(locks, 'a', new AbortController().signal)
    expect([lock.isHeld(), taken]).toEqual([false, 0])
  })

  it('[TB7] [DS1] finds the hubs of a scope that live, the newest first', async () => {
    const locks = new PrivateLocks()
    expect(await livingHubs(locks, SCOPE)).toEqual([])
    await holdLock(locks, hubLockName(SCOPE, hub({ epoch: 2 })))
    await holdLock(locks, hubLockName(SCOPE, hub({ epoch: 10 })))
    await holdLock(locks, hubLockName(SCOPE, hub({ epoch: 10, instance: OTHER })))
    await holdLock(locks, hubLockName(SCOPE, hub({ epoch: 9, generation: 12 })))
    await holdLock(locks, hubLockName('TTTTTTTTTTTTTTTTTTTTTT', hub({ epoch: 11 })))
    await holdLock(locks, tabLockName(SCOPE, ID))
    expect((await livingHubs(locks, SCOPE)).map(({ epoch, instance }) => [epoch, instance])).toEqual([
      [10, OTHER],
      [10, ID],
      [9, ID],
      [2, ID],
    ])
  })

  it('[DS1] [DS5] takes no hub for alive whose lock only pages have that waited for its end, and stand still', async () => {
    const locks = new PrivateLocks()
    const dead = hubLockName(SCOPE, hub({ epoch: 7 }))
    for (let page = 0; page < 2; page++) void locks.request(dead, { mode: 'shared' }, () => new Promise(() => {}))
    await holdLock(locks, hubLockName(SCOPE, hub({ epoch: 2 })))
    expect((await locks.query()).held).toHaveLength(3)
    expect((await livingHubs(locks, SCOPE)).map(({ epoch }) => epoch)).toEqual([2])
    expect(await newestHub(locks, SCOPE)).toMatchObject({ epoch: 2 })
  })

  it('[EL2] [DS1] finds out where the newest hub runs, or is about to', async () => {
    const locks = new PrivateLocks()
    const lead = (generation: number, build: string = ''): Promise<unknown> =>
      holdLock(locks, leaderLockName(hubName(SCOPE, { generation, build })))
    await holdLock(locks, leaderLockName(hubName('T'.repeat(22), { generation: 5, build: '' })))
    expect(await newestHub(locks, SCOPE)).toBeNull()
    // Elected, and its hub has not begun yet.
    await lead(0)
    expect(await newestHub(locks, SCOPE)).toMatchObject({ epoch: 0, generation: 0, rung: 'elected', build: '', url: '' })
    // Beside a SharedWorker that cannot be had by every tab.
    await holdLock(locks, hubLockName(SCOPE, hub({ epoch: 3 })))
    expect(await newestHub(locks, SCOPE)).toMatchObject({ epoch: 4, generation: 0, rung: 'elected' })
    // A frozen tab keeps what it has.
    const shared = hub({ epoch: 5, generation: 1 })
    await holdLock(locks, hubLockName(SCOPE, shared))
    expect(await newestHub(locks, SCOPE)).toEqual(shared)
    await lead(2, 'b2')
    expect(await newestHub(locks, SCOPE)).toMatchObject({ epoch: 6, generation: 2, rung: 'elected', build: 'b2' })
    const elected = hub({ epoch: 6, generation: 2, rung: 'elected', build: 'b2' })
    await holdLock(locks, hubLockName(SCOPE, elected))
    expect(await newestHub(locks, SCOPE)).toEqual(elected)
  })

  it('[TB7] [DS1] names round trip, and foreign names mean nothing', () => {
    for (const one of [
      hub({}),
      hub({ epoch: 3, generation: 2, rung: 'elected', build: '1.0+b-2', url: 'https://app.test:8080/a:b?c=1&d' }),
    ]) {
      expect(parseHubLock(SCOPE, hubLockName(SCOPE, one))).toEqual(one)
    }
    expect(parseHubName(hubName(SCOPE, { generation: 4, build: '' }))).toEqual({ scope: SCOPE, generation: 4, build: '' })
    expect(parseHubName(hubName(SCOPE, { generation: 4, build: 'b2' }))).toEqual({ scope: SCOPE, generation: 4, build: 'b2' })
    const foreign = ['', 'holdfast', `holdfast:${SCOPE}:x`, `other:${SCOPE}:1`, `holdfast:${SCOPE}:1:`, `holdfast:${SCOPE}:1:a b`]
    for (const name of [...foreign, hubLockName(SCOPE, hub({}))]) expect(parseHubName(name)).toBeNull()
    for (const name of [...foreign, tabLockName(SCOPE, ID), hubLockName('TTTTTTTTTTTTTTTTTTTTTT', hub({}))]) {
      expect(parseHubLock(SCOPE, name)).toBeNull()
    }
    for (const named of [
      { generation: 3, build: '' },
      { generation: 3, build: 'leader' },
    ]) {
      expect(parseLeaderLock(SCOPE, leaderLockName(hubName(SCOPE, named)))).toMatchObject(named)
    }
    for (const name of [...foreign, hubLockName(SCOPE, hub({})), 'x:leader', leaderLockName(hubName(ID, { generation: 1, build: '' }))]) {
      expect(parseLeaderLock(SCOPE, name)).toBeNull()
    }
  })
})
