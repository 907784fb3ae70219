/** Wall-clock time when a simulation begins. */
export const EPOCH_MS = 1_800_000_000_000
