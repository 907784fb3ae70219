/** Most of one kind that one sweep looks at: the rest has its turn with the next ones, so that nobody waits for it. */
export const SWEPT = 10_000
