import { describe, expect, it } from 'vitest'
import { FairTurns, NOBODY, type Reader } from './fair-turns.ts'
import type { Clock } from './ports.ts'

/** Time that passes only while something is done. */
class WorkClock implements Pick<Clock, 'nowMs' | 'soon'> {
  atMs = 0
  #soon: (() => void)[] = []
  nowMs = (): number => this.atMs
  soon = (run: () => void): void => void this.#soon.push(run)
  /** One turn of the process, after which promises have had theirs. */
  async turn(): Promise<number> {
    const sinceMs = this.atMs
    for (const run of this.#soon.splice(0)) {
      run()
      await Promise.resolve()
    }
    return this.atMs - sinceMs
  }
}

function world() {
  const clock = new WorkClock()
  const turns = new FairTurns(clock as unknown as Clock)
  const done: string[] = []
  /** Somebody for whom `count` things are to be done that take so long each. */
  const reader = (holder: string, count: number, eachMs: number, name = holder): Reader & { left: number } => {
    const one = {
      holder,
      left: count,
      go() {
        while (one.left > 0 && turns.mayGo(one)) {
          one.left--
          clock.atMs += eachMs
          done.push(name)
        }
      },
    }
    one.go()
    return one
  }
  return { clock, turns, done, reader }
}

describe('the time of the process', () => {
  it('[BU10] does everything at once while a turn is short, and lets nothing wait behind a long one', async () => {
    const { clock, turns, done, reader } = world()
    reader('a', 4, 2)
    expect(done).toHaveLength(4)
    await clock.turn()
    reader('a', 100, 2)
    expect(done).toHaveLength(4 + 5)
    expect(turns.waiting).toBe(1)
    for (let at = 0; turns.waiting > 0; at++) expect(await clock.turn()).toBeLessThanOrEqual(4)
    expect(done).toHaveLength(104)
  })

  it('[BU10] who has used little waits for nobody who has used much', async () => {
    const { clock, done, reader } = world()
    for (let at = 0; at < 50; at++) reader(`heavy ${at}`, 1_000, 1)
    for (let at = 0; at < 2_000; at++) await clock.turn()
    done.length = 0
    for (let at = 0; at < 10; at++) {
      reader('light', 1, 0.1)
      await clock.turn()
      await clock.turn()
    }
    expect(done.filter((name) => name === 'light')).toHaveLength(10)
    expect(new Set(done).size).toBeGreaterThan(15)
  })

  it('[BU10] those who are not known have half of what those have who use much, however many they are', async () => {
    const { clock, done, reader } = world()
    for (let at = 0; at < 50; at++) reader(`heavy ${at}`, 10_000, 5)
    for (let at = 0; at < 1_000; at++) await clock.turn()
    done.length = 0
    for (let at = 0; at < 400; at++) reader(NOBODY, 1, 1, 'nobody')
    const sinceMs = clock.atMs
    while (done.filter((name) => name === 'nobody').length < 400) await clock.turn()
    expect(clock.atMs - sinceMs).toBeGreaterThan(600)
    expect(clock.atMs - sinceMs).toBeLessThan(1_000)
  })

  it('[BU10] counts what promises do to whoever began it', async () => {
    const { clock, turns, done, reader } = world()
    reader('busy', 20, 1)
    for (let at = 0; at < 3; at++) {
      const later: Reader = {
        holder: 'later',
        go: () => turns.mayGo(later) && void Promise.resolve().then(() => (clock.atMs += 30)),
      }
      later.go()
      while (turns.waiting > 0) await clock.turn()
    }
    done.length = 0
    reader('later', 1, 1)
    reader('new', 1, 1)
    while (turns.waiting > 0) await clock.turn()
    expect(done).toEqual(['new', 'later'])
  })

  it('[BU10] calls nobody who has gone', async () => {
    const { clock, turns, done, reader } = world()
    reader('first', 20, 1)
    const gone = reader('gone', 5, 1)
    turns.leave(gone)
    while (turns.waiting > 0) await clock.turn()
    expect(done).toEqual(Array.from({ length: 20 }, () => 'first'))
  })

  it.each([
    [100, ['other', 'first']],
    [10_001, ['first', 'other']],
  ])('[BU10] with %i others it is remembered, or not, what the first has used, though another always waits', async (others, order) => {
    const { clock, turns, done, reader } = world()
    reader('waits', 100, 1)
    while (turns.waiting > 0) await clock.turn()
    reader('first', 200, 1)
    while (turns.waiting > 0) await clock.turn()
    const waits: Reader = { holder: 'waits', go: () => void (turns.mayGo(waits) && turns.mayGo(waits)) }
    waits.go()
    for (let at = 0; at < others; at++) turns.leave(reader(`one of many ${at}`, 1, 0.001))
    turns.leave(waits)
    done.length = 0
    reader('first', 1, 1)
    reader('other', 1, 1)
    while (turns.waiting > 0) await clock.turn()
    expect(done).toEqual(order)
  })

  it('[BU10] gives turns to what has no frames, once each', async () => {
    const { clock, turns, reader } = world()
    expect(turns.turnOf(NOBODY)).toBeUndefined()
    reader('busy', 20, 1)
    let come = 0
    for (const holder of [NOBODY, 'busy', 'new']) void turns.turnOf(holder)?.then(() => come++)
    expect(turns.waiting).toBe(4)
    while (turns.waiting > 0) await clock.turn()
    await clock.turn()
    expect(come).toBe(3)
  })
})
