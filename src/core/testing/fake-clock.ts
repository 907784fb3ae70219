import type { SteadyClock } from '../ports.ts'

/** A clock that stands still until it is told to go. */
export interface FakeClock extends SteadyClock {
  /** Lets time pass, firing timers in order. */
  advance(ms: number): void
  /** Sets the wall clock forward or back without any time passing. */
  jump(ms: number): void
  /** The machine sleeps: the wall clock goes on, the steady clock and all timers stand still. */
  sleep(ms: number): void
  /** Lets time pass in which no timer fires: those that are due fire with the next advance. */
  stall(ms: number): void
  /** The clock of a worker that begins now. */
  beginning(): SteadyClock
  /** Timers that are running. */
  readonly running: number
}

/** Makes a clock that begins at `startMs`. Timers go by passed time, not by the wall clock, as real ones do. */
export function createFakeClock(startMs: number = 1_000_000): FakeClock {
  let wallMs = startMs
  let passedMs = 0
  let made = 0
  const timers = new Map<number, { readonly atMs: number; readonly run: () => void }>()
  const clock: FakeClock = {
    nowMs: () => wallMs,
    steadyMs: () => startMs + passedMs,
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
    sleep(ms) {
      wallMs += ms
    },
    stall(ms) {
      wallMs += ms
      passedMs += ms
    },
    beginning() {
      const offsetMs = wallMs - passedMs
      return {
        nowMs: () => wallMs,
        steadyMs: () => offsetMs + passedMs,
        setTimer: (delayMs, run) => clock.setTimer(delayMs, run),
      }
    },
    get running() {
      return timers.size
    },
  }
  return clock
}
