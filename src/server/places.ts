import type { Holder } from './holder.ts'
import { shareLimits, Shares, type Portions } from './shares.ts'

/** What one connection takes of a budget of things. */
export interface Places {
  /** Takes one more; false when there is none for this holder. */
  take(): boolean
  /** Gives one back. */
  give(): void
  /** Gives all back; it may be called more than once. */
  end(): void
}

/** A budget of things that are in use as long as they exist: nobody's are taken away for somebody else. */
export class AllPlaces {
  readonly #shares: Shares<undefined>

  constructor(total: number, portions: Portions) {
    this.#shares = new Shares(shareLimits(total, 1, portions))
  }

  /** Taken by all. */
  get taken(): number {
    return this.#shares.size
  }

  /** The places of one connection. */
  of(holder: Holder): Places {
    const shares = this.#shares
    const share = shares.add(undefined, holder, 0)
    shares.use(share)
    let taken = 0
    const set = (count: number): void => {
      taken = count
      shares.resize(share, count)
    }
    return {
      take() {
        const fits = shares.canFit(holder, 1)
        if (fits) set(taken + 1)
        return fits
      },
      give: () => set(taken - 1),
      end: () => shares.remove(share),
    }
  }
}
