/** Wall-clock milliseconds with fractions, comparable between the processes of one machine. */
export function nowMs() {
  return performance.timeOrigin + performance.now()
}
