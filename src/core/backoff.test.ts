import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ATTEMPT_WINDOW_MS, attemptBudgetDelayMs, backoffDelayMs, countedAttempts, MAX_ATTEMPTS_PER_WINDOW } from './backoff.ts'
import { DEFAULT_RECONNECT } from './settings.ts'

describe('backoff', () => {
  it('[CN2] without jitter the delays are 1, 2, 4, 8, 16, 30, 30 seconds', () => {
    const exact = { ...DEFAULT_RECONNECT, jitter: 0 }
    expect([0, 1, 2, 3, 4, 5, 6, 1_000].map((attempt) => backoffDelayMs(exact, attempt, 0.7))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ])
  })

  it('[CN2] baseDelayMs and maxDelayMs change the delays', () => {
    const other = { ...DEFAULT_RECONNECT, jitter: 0, baseDelayMs: 300, maxDelayMs: 1_000 }
    expect([0, 1, 2, 3].map((attempt) => backoffDelayMs(other, attempt, 0))).toEqual([300, 600, 1_000, 1_000])
  })

  it('[CN2] [I34] jitter spreads a delay down from its ceiling, by its own share', () => {
    expect([0, 0.5, 0.999].map((fraction) => backoffDelayMs(DEFAULT_RECONNECT, 1, fraction))).toEqual([2_000, 1_000, expect.closeTo(2)])
    expect(backoffDelayMs({ ...DEFAULT_RECONNECT, jitter: 0.5 }, 1, 0.5)).toBe(1_500)
  })

  it('[CN6] [I34] tries that keep to the budget are at most 20 in any minute', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 100, maxLength: 200 }), (pauses) => {
        let nowMs = 0
        let times: readonly number[] = []
        const all: number[] = []
        for (const pause of pauses) {
          nowMs += pause
          times = countedAttempts(times, nowMs)
          nowMs += attemptBudgetDelayMs(times, nowMs)
          times = [...countedAttempts(times, nowMs), nowMs]
          all.push(nowMs)
        }
        for (const end of all) {
          expect(all.filter((at) => at > end - ATTEMPT_WINDOW_MS && at <= end).length).toBeLessThanOrEqual(MAX_ATTEMPTS_PER_WINDOW)
        }
      }),
    )
  })

  it('[CN6] [I35] a clock that went back by a day forgets the tries of its future', () => {
    const times = Array.from({ length: MAX_ATTEMPTS_PER_WINDOW }, (_, at) => 100_000_000 + at)
    expect(attemptBudgetDelayMs(times, 100_000_100)).toBe(ATTEMPT_WINDOW_MS - 100)
    expect(attemptBudgetDelayMs(times, 100_000_100 - 86_400_000)).toBe(0)
    expect(countedAttempts(times, 100_000_100 + 86_400_000)).toEqual([])
  })
})
