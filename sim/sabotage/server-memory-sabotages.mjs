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
]
