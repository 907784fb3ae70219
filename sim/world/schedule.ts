/** Something that will happen; set `run` to null to call it off. */
export interface Task {
  readonly atMs: number
  readonly order: number
  run: (() => void) | null
}

/** Runs microtasks that are due, all of them, before it returns. Only there when Node was started with `--allow-natives-syntax`. */
// The only way there is to run microtasks without waiting for a turn of the event loop, ten times as slow.
// oxlint-disable-next-line typescript/no-implied-eval
const drainMicrotasks = new Function('%PerformMicrotaskCheckpoint()') as () => void

/**
 * Simulated time: what is to happen, in the order of its time and, at the same time, in the order it was planned. Time stands still while something
 * happens, and every promise that can settle has settled before the next thing does.
 */
export class Schedule {
  nowMs = 0
  /** Things that have happened. */
  steps = 0
  readonly #heap: Task[] = []
  #order = 0

  /** Plans `run` for `delayMs` from now. */
  at(delayMs: number, run: () => void): Task {
    const task: Task = { atMs: this.nowMs + delayMs, order: this.#order++, run }
    const heap = this.#heap
    let at = heap.length
    heap.push(task)
    while (at > 0) {
      const up = (at - 1) >> 1
      const above = heap[up] as Task
      if (!before(task, above)) break
      heap[at] = above
      at = up
    }
    heap[at] = task
    return task
  }

  /** Lets happen what is planned until `endMs`, or until `isDone` says so after a step. */
  runUntil(endMs: number, isDone: () => boolean = () => false): void {
    for (let next = this.#heap[0]; next && next.atMs <= endMs; next = this.#heap[0]) {
      this.#pop()
      if (!next.run) continue
      this.nowMs = Math.max(this.nowMs, next.atMs)
      this.steps++
      const { run } = next
      next.run = null
      run()
      drainMicrotasks()
      if (isDone()) return
    }
    this.nowMs = Math.max(this.nowMs, endMs)
  }

  /** Time passes in which nothing happens anywhere; what was planned for it happens afterwards, in its order. */
  skip(ms: number): void {
    this.nowMs += ms
  }

  /** Lets promises settle that something outside of the schedule has touched. */
  settle(): void {
    drainMicrotasks()
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Task
    const { length } = heap
    if (length === 0) return
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= length) break
      if (down + 1 < length && before(heap[down + 1] as Task, heap[down] as Task)) down++
      const below = heap[down] as Task
      if (!before(below, last)) break
      heap[at] = below
      at = down
    }
    heap[at] = last
  }
}

function before(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
