/** A store call that somebody waits for has failed when it took this long: some browsers' storage stops answering for ever. */
export const STORE_DEADLINE_MS = 30_000
