import type { HubMark, OtherHubs } from '../platform.ts'

/** A broadcast channel in memory: everybody but the one that tells hears it, a little later. */
export class TestHubs {
  readonly #listeners = new Map<OtherHubs, (mark: HubMark) => void>()

  /** The end of one hub. A hub that is not `isAlive` hears nothing. */
  end(isAlive: () => boolean = () => true): OtherHubs {
    const mine: OtherHubs = {
      tell: (mark) => {
        for (const [end, listener] of this.#listeners) if (end !== mine) queueMicrotask(() => isAlive() && listener(mark))
      },
      listen: (listener) => void this.#listeners.set(mine, (mark) => isAlive() && listener(mark)),
    }
    return mine
  }
}
