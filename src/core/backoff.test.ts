import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterTry, backoffDelayMs, TRIES_IN_A_ROW, TRY_EVERY_MS, tryDelayMs } from './backoff.ts'
import { DEFAULT_RECONNECT } from './settings.ts'

const exact = { ...DEFAULT_RECONNECT, jitter: 0 }

describe('backoff', () => {
  it('[CN2] without jitter the delays are 1, 2, 4, 8, 16, 30, 30 seconds', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 1_000].map((attempt) => backoffDelayMs(exact, attempt, 0.7))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ])
  })

  it('[CN2] where tries fail at once, the time the trouble lasts changes nothing of that', () => {
    let troubledMs = 0
    const delays = [0, 1, 2, 3, 4, 5, 6].map((attempt) => {
      const delayMs = backoffDelayMs(exact, attempt, 0, troubledMs)
      troubledMs += delayMs
      return delayMs
    })
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  it('[CN2] many failures of a short outage are followed by a short wait', () => {
    expect(backoffDelayMs(exact, 5, 0, 600)).toBe(2_200)
    expect(backoffDelayMs({ ...exact, baseDelayMs: 200 }, 5, 0, 600)).toBe(1_400)
  })

  it('[CN2] baseDelayMs and maxDelayMs change the delays', () => {
    const other = { ...exact, baseDelayMs: 300, maxDelayMs: 1_000 }
    expect([0, 1, 2, 3].map((attempt) => backoffDelayMs(other, attempt, 0))).toEqual([300, 600, 1_000, 1_000])
  })

  it('[CN2] [I34] jitter spreads a delay down from its ceiling, by its own share', () => {
    expect([0, 0.5, 0.999].map((fraction) => backoffDelayMs(DEFAULT_RECONNECT, 1, fraction))).toEqual([2_000, 1_000, expect.closeTo(2)])
    expect(backoffDelayMs({ ...DEFAULT_RECONNECT, jitter: 0.5 }, 1, 0.5)).toBe(1_500)
  })

  it('[CN6] [I34] tries that keep to the budget are at most 20 in any minute, and none is delayed by more than 6 s', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 100, maxLength: 200 }), (pauses) => {
        let nowMs = 0
        let paidByMs = 0
        const all: number[] = []
        for (const pause of pauses) {
          nowMs += pause
          const delayMs = tryDelayMs(paidByMs, nowMs)
          expect(delayMs).toBeLessThanOrEqual(6_000)
          nowMs += delayMs
          paidByMs = afterTry(paidByMs, nowMs)
          all.push(nowMs)
        }
        for (const end of all) expect(all.filter((at) => at >= end - 60_000 && at <= end).length).toBeLessThanOrEqual(20)
      }),
    )
  })

  it('[CN6] ten tries may begin in a row', () => {
    let paidByMs = 0
    for (let tries = 0; tries < TRIES_IN_A_ROW; tries++) {
      expect(tryDelayMs(paidByMs, 5_000)).toBe(0)
      paidByMs = afterTry(paidByMs, 5_000)
    }
    expect(tryDelayMs(paidByMs, 5_000)).toBe(TRY_EVERY_MS)
  })
})
