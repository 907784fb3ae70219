import { describe, expect, it } from 'vitest'
import { TestLocks } from './test-locks.ts'
import { holdLock, newestGeneration, whenFree } from './liveness.ts'
import { hubGeneration, hubLockName, hubName, parseHubName, tabLockName } from './lock-names.ts'

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
    expect(await newestGeneration(locks, SCOPE)).toBe(0)
    await holdLock(locks, hubLockName(SCOPE, { generation: 2, instance: ID }))
    await holdLock(locks, hubLockName(SCOPE, { generation: 10, instance: ID }))
    await holdLock(locks, hubLockName(SCOPE, { generation: 9, instance: ID }))
    await holdLock(locks, hubLockName('TTTTTTTTTTTTTTTTTTTTTT', { generation: 11, instance: ID }))
    await holdLock(locks, tabLockName(SCOPE, ID))
    expect(await newestGeneration(locks, SCOPE)).toBe(10)
  })

  it('[TB7] names round trip, and foreign names mean nothing', () => {
    expect(hubGeneration(SCOPE, hubLockName(SCOPE, { generation: 3, instance: ID }))).toBe(3)
    expect(parseHubName(hubName(SCOPE, 4))).toEqual({ scope: SCOPE, generation: 4 })
    for (const name of ['', 'holdfast', `holdfast:${SCOPE}:x`, `other:${SCOPE}:1`, hubLockName(SCOPE, { generation: 1, instance: ID })]) {
      expect(parseHubName(name)).toBeNull()
    }
    expect(hubGeneration(SCOPE, tabLockName(SCOPE, ID))).toBe(0)
  })
})
