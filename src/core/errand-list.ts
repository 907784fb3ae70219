/** What is to be asked for on a link. */
export interface Errands {
  /** Subscriptions to ask for, by number. */
  readonly wanted: readonly number[]
  /** Subscriptions to give up. */
  readonly dropped: readonly number[]
  /** Values to ask for: the lowest offset that will do, by channel. */
  readonly values: ReadonlyMap<string, number>
}

/** Nothing is to be asked for. */
export const NO_ERRANDS: Errands = { wanted: [], dropped: [], values: new Map() }
