/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const RATE_SABOTAGES = [
  {
    name: 'a client sends as fast as it can, whatever is announced',
    edits: [
      {
        file: 'core/purse.ts',
        find: '  return Math.max(0, Math.floor(leftIn(purse, rate, nowMs) + LEAST))',
        put: '  return Math.max(1_000, leftIn(purse, rate, nowMs))',
      },
      { file: 'core/purse.ts', find: '  return missing < LEAST ? 0 :', put: '  return missing < 1_000_000 ? 0 :' },
    ],
  },
  {
    name: 'a client with nothing to send confirms nothing',
    edits: [
      {
        file: 'core/sending.ts',
        find: '  if (!link || link.leaving || confirmed <= link.toldConfirmed) return',
        put: '  if (!link || link.leaving || confirmed >= 0) return',
      },
    ],
  },
  {
    name: 'a server closes a client that comes too fast, in place of reading it later, and forgets that what was sent evenly may come at once',
    edits: [
      {
        file: 'server/inbox.ts',
        find: '    if (owedMs === 0) return\n',
        put: '    if (owedMs > 0) return this.#host.overrun()\n    return\n',
      },
      { file: 'server/reading-pace.ts', find: 'const LENIENCY = 2\n', put: 'const LENIENCY = 1\n' },
    ],
  },
  {
    name: 'a server closes a client within its window',
    edits: [
      {
        file: 'server/upstream.ts',
        find: 'if (this.#waiting + count > 2 * sendWindow) {',
        put: 'if (this.#waiting + count > sendWindow / 2) {',
      },
    ],
  },
]
