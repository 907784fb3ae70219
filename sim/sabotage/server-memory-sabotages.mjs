/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const SERVER_MEMORY_SABOTAGES = [
  {
    name: 'a reply that cannot be given is taken for a failure',
    edits: [
      {
        file: 'server/message-handler.ts',
        find: "    return { kind: 'unreplied', why }\n",
        put: "    return { kind: 'rejected', reason: 'failed', message: why }\n",
      },
    ],
  },
  {
    name: 'a server that stops says goodbye before it has finished',
    edits: [{ file: 'server/shut-down.ts', find: '    await connection.whenIdle().catch(() => {})\n', put: '' }],
  },
  {
    name: 'what a handler can never publish is tried again',
    edits: [
      {
        file: 'server/message-handler.ts',
        find: "    return isUnpublishable(error) ? rejected('unpublishable', ",
        put: "    return isUnpublishable(error) && id === '' ? rejected('unpublishable', ",
      },
    ],
  },
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
    name: 'an empty channel begins again where one with messages was given up',
    seeds: 2000,
    edits: [
      {
        file: 'server/engines/memory-channels.ts',
        find: '    if (this.#nextEpoch !== undefined) this.#emptyEpoch = this.#nextEpoch\n',
        put: '',
      },
      {
        file: 'server/engines/memory-channels.ts',
        find: 'make(host, key, host.random.id())',
        put: 'make(host, key, this.#emptyEpoch ?? never())',
      },
    ],
  },
  {
    name: 'a number is committed before it is known that everything with it can be',
    edits: [
      {
        file: 'server/engines/memory.ts',
        find: '    const publications = commits.length === 1 ? first.publications : commits.flatMap((commit) => commit.publications)\n',
        put: '    const publications = commits.length === 1 ? first.publications : commits.flatMap((commit) => commit.publications)\n    known?.record.commit(first.id, first.fate)\n',
      },
      {
        file: 'server/engines/memory.ts',
        find: '    for (const { id, fate } of commits) record.commit(id, fate)\n',
        put: '    for (const { id, fate } of commits) if (id !== first.id || known === undefined) record.commit(id, fate)\n',
      },
    ],
  },
]
