import type { Clock } from './ports.ts'

/** Runs something every `intervalMs`; returns how to stop. A run that throws does not end it. */
export function every(clock: Clock, intervalMs: number, run: () => void): () => void {
  let cancel = (): void => {}
  const next = (): void => {
    cancel = clock.setTimer(intervalMs, () => {
      next()
      run()
    })
  }
  next()
  return () => cancel()
}
