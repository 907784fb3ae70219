import { describe, expect, it } from 'vitest'
import { TestLocks } from '../src/bridge/test-locks.ts'
import { createFakeClock } from '../src/core/testing/fake-clock.ts'
import { takeTurn } from './owner-turn.ts'

const NAME = 'holdfast:scope:owner'
const STAY = new AbortController().signal

/** Holds the lock until it is told to let go. */
async function holdAsHub(locks: TestLocks, options: LockOptions = {}): Promise<{ release(): void; lost: Promise<unknown> }> {
  return new Promise((resolve) => {
    const lost = locks
      .request(NAME, options, () => new Promise<void>((release) => resolve({ release, lost })))
      .catch((error: unknown) => error)
  })
}

describe('the turn of a flush', () => {
  it('[SW6] waits for the hub that holds the owner lock, 40 s at most', async () => {
    const locks = new TestLocks()
    const clock = createFakeClock()
    await holdAsHub(locks)
    const taking = takeTurn(locks, clock, NAME, STAY)
    clock.advance(39_999)
    await expect(Promise.race([taking, Promise.resolve('waits')])).resolves.toBe('waits')
    clock.advance(1)
    await expect(taking).resolves.toBeNull()
    expect((await locks.query()).pending).toEqual([])
    expect(clock.running).toBe(0)
  })

  it('[SW6] has the lock as soon as the hub is gone, and as long as it wants', async () => {
    const locks = new TestLocks()
    const clock = createFakeClock()
    const hub = await holdAsHub(locks)
    const taking = takeTurn(locks, clock, NAME, STAY)
    clock.advance(30_000)
    hub.release()
    const turn = await taking
    clock.advance(60_000)
    expect(turn?.isLost()).toBe(false)
    expect((await locks.query()).held?.map(({ name }) => name)).toEqual([NAME])
    turn?.release()
    const after = await takeTurn(locks, clock, NAME, STAY)
    expect(after).not.toBeNull()
  })

  it('[SW7] knows when a hub waits for the lock', async () => {
    const locks = new TestLocks()
    const turn = await takeTurn(locks, createFakeClock(), NAME, STAY)
    expect(await turn?.isWanted()).toBe(false)
    const hub = holdAsHub(locks)
    expect(await turn?.isWanted()).toBe(true)
    turn?.release()
    ;(await hub).release()
  })

  it('[SW7] knows when the lock was taken from it', async () => {
    const locks = new TestLocks()
    const turn = await takeTurn(locks, createFakeClock(), NAME, STAY)
    await holdAsHub(locks, { steal: true })
    await expect.poll(() => turn?.isLost()).toBe(true)
  })

  it('[SW15] waits no longer when it is to leave, nor at all when it was to leave before', async () => {
    const locks = new TestLocks()
    const clock = createFakeClock()
    await holdAsHub(locks)
    const leave = new AbortController()
    const taking = takeTurn(locks, clock, NAME, leave.signal)
    leave.abort()
    await expect(taking).resolves.toBeNull()
    expect((await locks.query()).pending).toEqual([])
    await expect(takeTurn(locks, clock, 'free', leave.signal)).resolves.toBeNull()
    expect(clock.running).toBe(0)
  })

  it('[SW6] passes on what the browser says when it gives no locks', async () => {
    const locks = new TestLocks()
    locks.request = () => Promise.reject(new DOMException('no locks here', 'SecurityError'))
    await expect(takeTurn(locks, createFakeClock(), NAME, STAY)).rejects.toThrow('no locks here')
  })
})
