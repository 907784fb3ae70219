import { describe, expect, it } from 'vitest'
import { createTestBroadcasts } from '../src/bridge/test-broadcasts.ts'
import { hubsChannelName, ownerLockName } from '../src/bridge/lock-names.ts'
import { PrivateLocks } from '../src/bridge/private-locks.ts'
import { createFakeClock, type FakeClock } from '../src/core/testing/fake-clock.ts'
import { inTurn, type OwnerTurn } from './owner-turn.ts'

const SCOPE = 'S'.repeat(22)
const NAME = ownerLockName(SCOPE)

interface Scene {
  readonly locks: PrivateLocks
  readonly clock: FakeClock
  readonly leave: AbortController
  readonly openBroadcast: ReturnType<typeof createTestBroadcasts>
  /** Waits for a turn and holds it until `done`; gives what the turn gave. */
  take(): { readonly begun: Promise<OwnerTurn>; done(): void; readonly result: Promise<unknown> }
}

function createScene(): Scene {
  const [locks, clock, leave, openBroadcast] = [new PrivateLocks(), createFakeClock(), new AbortController(), createTestBroadcasts()]
  return {
    locks,
    clock,
    leave,
    openBroadcast,
    take() {
      let begin: (turn: OwnerTurn) => void = () => {}
      let done = (): void => {}
      const begun = new Promise<OwnerTurn>((resolve) => (begin = resolve))
      const isDone = new Promise<void>((resolve) => (done = resolve))
      const result = inTurn({ locks, clock, openBroadcast }, SCOPE, leave.signal, async (turn) => {
        begin(turn)
        return Promise.race([isDone.then(() => 'done'), turn.over.then((why) => `over: ${why}`)])
      })
      return { begun, done, result }
    },
  }
}

/** Holds the lock until it is told to let go. */
async function holdAsHub(locks: PrivateLocks, options: LockOptions = {}): Promise<{ release(): void }> {
  return new Promise((resolve) => {
    locks.request(NAME, options, () => new Promise<void>((release) => resolve({ release }))).catch(() => {})
  })
}

const turns = async (): Promise<void> => {
  for (let at = 0; at < 20; at++) await Promise.resolve()
}

describe('the turn of a service worker', () => {
  it('[SW6] waits for the hub that holds the owner lock, 40 s at most', async () => {
    const { locks, clock, take } = createScene()
    await holdAsHub(locks)
    const { result } = take()
    clock.advance(39_999)
    await expect(Promise.race([result, Promise.resolve('waits')])).resolves.toBe('waits')
    clock.advance(1)
    await expect(result).resolves.toBe('hub')
    expect((await locks.query()).pending).toEqual([])
    expect(clock.running).toBe(0)
  })

  it('[SW6] has the lock as soon as the hub is gone, until it is done', async () => {
    const { locks, clock, take } = createScene()
    const hub = await holdAsHub(locks)
    const { begun, done, result } = take()
    clock.advance(30_000)
    hub.release()
    const turn = await begun
    await turns()
    clock.advance(60_000)
    await turns()
    expect(turn.ended()).toBeNull()
    expect((await locks.query()).held?.map(({ name }) => name)).toEqual([NAME])
    done()
    await expect(result).resolves.toBe('done')
    await expect.poll(async () => (await locks.query()).held).toEqual([])
    expect(clock.running).toBe(0)
  })

  it('[SW7] is over as soon as a hub says that it wants the lock, though it has not asked for it yet', async () => {
    const { openBroadcast, take, clock } = createScene()
    const { begun, result } = take()
    const turn = await begun
    openBroadcast(hubsChannelName(SCOPE)).postMessage({ epoch: 1, instance: 'I'.repeat(22) })
    await expect(result).resolves.toBe('over: hub')
    expect(turn.ended()).toBe('hub')
    expect(clock.running).toBe(0)
  })

  it('[SW7] is over within a second when a hub waits that was not heard, and does not begin when one waits already', async () => {
    const { locks, clock, take } = createScene()
    const { begun, result } = take()
    await begun
    const hub = holdAsHub(locks)
    await turns()
    clock.advance(1_000)
    await expect(result).resolves.toBe('over: hub')
    const { release } = await hub
    const waiting = take()
    const next = holdAsHub(locks)
    release()
    await expect(waiting.result).resolves.toBe('hub')
    ;(await next).release()
  })

  it('[SW7] is over when the lock was taken from it', async () => {
    const { locks, take, clock } = createScene()
    const { begun, result } = take()
    const turn = await begun
    await holdAsHub(locks, { steal: true })
    await expect(result).resolves.toBe('hub')
    expect(turn.ended()).toBe('hub')
    expect(clock.running).toBe(0)
  })

  it('[SW10] is over two minutes after it was asked for: browsers end an event after three', async () => {
    const { clock, take, locks } = createScene()
    const hub = await holdAsHub(locks)
    const { begun, result } = take()
    clock.advance(20_000)
    hub.release()
    const turn = await begun
    for (let left = 100; left > 1; left--) {
      clock.advance(1_000)
      await turns()
    }
    expect(turn.ended()).toBeNull()
    clock.advance(1_000)
    await expect(result).resolves.toBe('over: time')
  })

  it('[SW15] waits no longer when it is to leave, is over when it has begun, and does not begin when it was to leave before', async () => {
    const early = createScene()
    await holdAsHub(early.locks)
    const waiting = early.take()
    early.leave.abort()
    await expect(waiting.result).resolves.toBe('update')
    expect((await early.locks.query()).pending).toEqual([])
    await expect(early.take().result).resolves.toBe('update')
    const late = createScene()
    const { begun, result } = late.take()
    await begun
    late.leave.abort()
    await expect(result).resolves.toBe('over: update')
    expect([early.clock.running, late.clock.running]).toEqual([0, 0])
  })

  it('[SW6] passes on what the browser says when it gives no locks', async () => {
    const { locks, take, clock } = createScene()
    locks.request = () => Promise.reject(new DOMException('no locks here', 'SecurityError'))
    await expect(take().result).rejects.toThrow('no locks here')
    expect(clock.running).toBe(0)
  })
})
