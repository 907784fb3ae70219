/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const SERVER_MEMORY_SABOTAGES = [
  {
    name: 'a client whose record was given up is taken for a new one',
    seeds: 2000,
    edits: [
      {
        file: 'core/outbox.ts',
        find: '  return outbox.acked > 0 || outbox.ledger === null || reach.forgotten > outbox.since\n',
        put: '  return outbox.acked > 0 || reach.forgotten < 0\n',
      },
    ],
  },
  {
    name: 'a number is committed before it is known that everything with it can be',
    edits: [
      {
        file: 'server/engines/memory.ts',
        find: '    const publications = commits.length === 1 ? first.publications : commits.flatMap((commit) => commit.publications)\n',
        put: '    const publications = commits.length === 1 ? first.publications : commits.flatMap((commit) => commit.publications)\n    known?.commit(first.id, first.fate)\n',
      },
      {
        file: 'server/engines/memory.ts',
        find: '      record.commit(id, fate)\n',
        put: '      if (id !== first.id || known === undefined) record.commit(id, fate)\n',
      },
    ],
  },
  {
    name: 'what may have been applied expires',
    seeds: 2000,
    edits: [
      {
        file: 'core/burials.ts',
        find: 'const doubtful = old.filter((entry) => entry.mayRepeat)',
        put: 'const doubtful = old.filter((entry) => entry.n < 0)',
      },
      { file: 'core/burials.ts', find: 'const unsent = old.filter((entry) => !entry.mayRepeat)', put: 'const unsent = old' },
    ],
  },
  {
    name: 'what the server is at work on expires',
    seeds: 2000,
    edits: [{ file: 'core/sending.ts', find: 'Math.max(phase.link.sent, phase.link.begun)', put: 'phase.link.sent' }],
  },
]
