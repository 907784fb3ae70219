import { describe, expect, it } from 'vitest'
import { TestLocks } from './test-locks.ts'
import { holdLock, newestHub, whenFree } from './liveness.ts'
import { hubGeneration, hubLockName, hubName, leaderGeneration, leaderLockName, parseHubName, tabLockName } from './lock-names.ts'

const SCOPE = 'SSSSSSSSSSSSSSSSSSSSSS'
const ID = 'AAAAAAAAAAAAAAAAAAAAAA'

describe('locks that say who lives', () => {
  it('[TB6] tells all waiters when the holder is gone', async () => {
    const locks = new TestLocks()
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
    const locks = new TestLocks()
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
    const late = { request: (_name: string, _options: LockOptions, run: () => void) => Promise.resolve().then(run) } as unknown as TestLocks
    void whenFree(late, 'a', abort.signal).then(() => (told = true))
    abort.abort()
    await new TestLocks().query()
    await Promise.resolve()
    await Promise.resolve()
    expect(told).toBe(false)
  })

  it('[TB6] notices that the browser took a lock away', async () => {
    const locks = new TestLocks()
    const lock = await holdLock(locks, 'a')
    expect(lock.isHeld()).toBe(true)
    locks.take('a')
    await whenFree(locks, 'a', new AbortController().signal)
    expect(lock.isHeld()).toBe(false)
  })

  it('[TB7] finds the newest generation of the hubs of a scope that live', async () => {
    const locks = new TestLocks()
    expect(await newestHub(locks, SCOPE)).toEqual({ generation: 0, rung: null })
    await holdLock(locks, hubLockName(SCOPE, { generation: 2, instance: ID }))
    await holdLock(locks, hubLockName(SCOPE, { generation: 10, instance: ID }))
    await holdLock(locks, hubLockName(SCOPE, { generation: 9, instance: ID }))
    await holdLock(locks, hubLockName('TTTTTTTTTTTTTTTTTTTTTT', { generation: 11, instance: ID }))
    await holdLock(locks, tabLockName(SCOPE, ID))
    expect(await newestHub(locks, SCOPE)).toEqual({ generation: 10, rung: 'shared' })
  })

  it('[EL2] finds out where the newest hub runs', async () => {
    const locks = new TestLocks()
    const other = 'TTTTTTTTTTTTTTTTTTTTTT'
    await holdLock(locks, leaderLockName(hubName(other, 5)))
    expect(await newestHub(locks, SCOPE)).toEqual({ generation: 0, rung: null })
    // Elected, and its hub has not begun yet.
    await holdLock(locks, leaderLockName(hubName(SCOPE, 0)))
    expect(await newestHub(locks, SCOPE)).toEqual({ generation: 0, rung: 'elected' })
    // Beside a SharedWorker that cannot be had by every tab.
    await holdLock(locks, hubLockName(SCOPE, { generation: 0, instance: ID }))
    expect(await newestHub(locks, SCOPE)).toEqual({ generation: 0, rung: 'elected' })
    // A frozen tab keeps what it has.
    await holdLock(locks, hubLockName(SCOPE, { generation: 1, instance: ID }))
    expect(await newestHub(locks, SCOPE)).toEqual({ generation: 1, rung: 'shared' })
    await holdLock(locks, leaderLockName(hubName(SCOPE, 2)))
    expect(await newestHub(locks, SCOPE)).toEqual({ generation: 2, rung: 'elected' })
  })

  it('[TB7] names round trip, and foreign names mean nothing', () => {
    expect(hubGeneration(SCOPE, hubLockName(SCOPE, { generation: 3, instance: ID }))).toBe(3)
    expect(parseHubName(hubName(SCOPE, 4))).toEqual({ scope: SCOPE, generation: 4 })
    for (const name of ['', 'holdfast', `holdfast:${SCOPE}:x`, `other:${SCOPE}:1`, hubLockName(SCOPE, { generation: 1, instance: ID })]) {
      expect(parseHubName(name)).toBeNull()
    }
    expect(hubGeneration(SCOPE, tabLockName(SCOPE, ID))).toBe(0)
    expect(leaderGeneration(SCOPE, leaderLockName(hubName(SCOPE, 3)))).toBe(3)
    for (const name of [
      hubLockName(SCOPE, { generation: 1, instance: ID }),
      hubName(SCOPE, 1),
      'x:leader',
      leaderLockName(hubName(ID, 1)),
    ]) {
      expect(leaderGeneration(SCOPE, name)).toBeNull()
    }
  })
})
