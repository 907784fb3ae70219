import type { Clock } from '../ports.ts'

/** A clock that stands still until it is told to go. */
export interface FakeClock extends Clock {
  /** Lets time pass, firing timers in order. */
  advance(ms: number): void
  /** Sets the wall clock forward or back without any time passing. */
  jump(ms: number): void
  /** Timers that are running. */
  readonly running: number
}

/** Makes a clock that begins at `startMs`. Timers go by passed time, not by the wall clock, as real ones do. */
export function createFakeClock(startMs: number = 1_000_000): FakeClock {
  let wallMs = startMs
  let passedMs = 0
  let made = 0
  const timers = new Map<number, { readonly atMs: number; readonly run: () => void }>()
  return {
    nowMs: () => wallMs,
    setTimer(delayMs, run) {
      const key = ++made
      timers.set(key, { atMs: passedMs + delayMs, run })
      return () => void timers.delete(key)
    },
    advance(ms) {
      const endMs = passedMs + ms
      for (;;) {
        const next = [...timers].filter(([, { atMs }]) => atMs <= endMs).sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0]
        const toMs = Math.max(passedMs, next?.[1].atMs ?? endMs)
        wallMs += toMs - passedMs
        passedMs = toMs
        if (!next) return
        timers.delete(next[0])
        next[1].run()
      }
    },
    jump(ms) {
      wallMs += ms
    },
    get running() {
      return timers.size
    },
  }
}
