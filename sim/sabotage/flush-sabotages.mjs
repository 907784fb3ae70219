/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const FLUSH_SABOTAGES = [
  {
    name: 'a service worker sends without the lease',
    number: 15,
    edits: [
      {
        file: 'sw/flush-outbox.ts',
        find: 'const turn = await takeTurn(ports.locks, ports.clock, ownerLockName(scope), leave)',
        put: 'const turn = { isLost: () => false, isWanted: async () => false, release() {} }',
      },
    ],
  },
  {
    name: 'a service worker settles without comparing user, memory and ids',
    edits: [
      {
        file: 'sw/take-answer.ts',
        find: "  if (answer.user !== user || answer.ledger !== outbox.ledger || client === null) return 'disagreement'\n",
        put: '  if (client === null) return null\n',
      },
      {
        file: 'sw/take-answer.ts',
        find: "  if (client.hi > outbox.sentThrough || client.hi < outbox.acked || idAt(outbox, client.hi) !== client.id) return 'disagreement'\n",
        put: '',
      },
      { file: 'sw/take-answer.ts', find: "  if (id === '' || idAt(outbox, stable) !== id) return 'disagreement'\n", put: '' },
      { file: 'storage/outbox-methods.ts', find: 'if (through > outbox.acked && idAt(outbox, through) !== id)', put: 'if (through < 0)' },
    ],
  },
  {
    name: 'a service worker sends before the mark is stored',
    edits: [{ file: 'sw/flush-outbox.ts', find: '      await store.raiseSentThrough(last)\n', put: '' }],
  },
  {
    name: 'a service worker takes any page for an ack',
    edits: [
      {
        file: 'sw/flush-outbox.ts',
        find: "    return decoded.ok && (status === 200) === (decoded.message.type === 'flushed') ? decoded.message : null\n",
        put: `    if (decoded.ok) return decoded.message
    if (status !== 200) return null
    const { protocol, user, ledger, entries } = JSON.parse(text)
    const { n, id } = entries.at(-1)
    return { type: 'flushed', protocol, user, ledger, client: { hi: n, id }, hi: n, stable: n, id, outcomes: [] }
`,
      },
    ],
  },
  {
    name: 'a service worker believes a success under an error status',
    edits: [
      {
        file: 'sw/flush-outbox.ts',
        find: "decoded.ok && (status === 200) === (decoded.message.type === 'flushed') ?",
        put: 'decoded.ok && status > 0 ?',
      },
    ],
  },
  {
    name: 'a service worker keeps the lock',
    edits: [{ file: 'sw/flush-outbox.ts', find: '    turn.release()\n', put: '' }],
  },
  {
    name: 'a service worker sends what is to be asked about',
    seeds: 2000,
    edits: [{ file: 'sw/next-batch.ts', find: '(entry.recall || entry.atMs < oldestMs)', put: 'entry.atMs < oldestMs' }],
  },
  {
    name: 'a service worker goes on while a hub waits',
    edits: [{ file: 'sw/flush-outbox.ts', find: "    if (await turn.isWanted()) return { end: 'again', why: 'hub' }\n", put: '' }],
  },
  {
    name: 'a service worker goes on after an update was accepted',
    seeds: 2000,
    edits: [
      { file: 'sw/flush-outbox.ts', find: 'if (turn.isLost() || leave.aborted)', put: 'if (turn.isLost())' },
      { file: 'sw/owner-turn.ts', find: '  if (leave.aborted) return null\n', put: '' },
    ],
  },
  {
    name: "the server takes one client's outbox with the token of another",
    edits: [
      {
        file: 'server/flush-desk.ts',
        find: "    if (flush.client !== ticket.client) return { reason: 'unauthenticated' }\n    if (flush.user !== ticket.user) return { reason: 'user' }\n",
        put: '',
      },
    ],
  },
  {
    name: 'the server takes an outbox with a token that was revoked',
    seeds: 4000,
    edits: [
      {
        file: 'server/flush-desk.ts',
        find: "      if (ticket.issuedAtMs <= (isPromise(revoked) ? await revoked : revoked)) return { reason: 'unauthenticated' }\n",
        put: '',
      },
    ],
  },
  {
    name: 'a store takes what is written under an older lease',
    edits: [
      {
        file: 'storage/memory-store.ts',
        find: 'if (contents.lease === lease) return contents.stored',
        put: 'if (lease !== null) return contents.stored',
      },
    ],
  },
]
