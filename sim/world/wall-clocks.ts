import { EPOCH_MS } from './epoch.ts'
import type { Schedule } from './schedule.ts'

/** Whose clock it is. A tool that gives a page another time gives its workers none, and the other way round. */
export type Layer = 'pages' | 'hubs' | 'serviceWorker'

/** Every layer of a browser. */
export const LAYERS: readonly Layer[] = ['pages', 'hubs', 'serviceWorker']

/** The wall clock of one browser, as each of its layers sees it. */
export class WallClocks {
  /** How often one of them jumped. */
  jumps = 0
  /** When that of the hubs or of the service worker did last: both write to the store. */
  workersJumpedMs = -Infinity
  readonly #schedule: Schedule
  readonly #offMs: Record<Layer, number> = { pages: 0, hubs: 0, serviceWorker: 0 }

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** In whole milliseconds, as browsers give it. */
  nowMs(layer: Layer): number {
    return Math.floor(EPOCH_MS + this.#schedule.nowMs + this.#offMs[layer])
  }

  jump(layers: readonly Layer[], byMs: number): void {
    this.jumps++
    if (layers.some((layer) => layer !== 'pages')) this.workersJumpedMs = this.#schedule.nowMs
    for (const layer of layers) this.#offMs[layer] += byMs
  }
}
