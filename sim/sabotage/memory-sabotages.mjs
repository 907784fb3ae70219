/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const MEMORY_SABOTAGES = [
  {
    name: 'what is offered again is taken for new, whatever was forgotten since',
    seeds: 2000,
    edits: [
      {
        file: 'storage/fate-memory.ts',
        find: '  return since.memory === head.memory && since.taken <= head.taken && head.forgottenThrough <= since.taken\n',
        put: '  return since.memory !== head.ledger\n',
      },
    ],
  },
  {
    name: 'a memory of another storage is taken for the one that was asked first',
    seeds: 2000,
    edits: [{ file: 'storage/fate-memory.ts', find: 'since.memory === head.memory && ', put: '' }],
  },
  {
    name: 'that an id was taken is forgotten with its reply',
    seeds: 2000,
    edits: [{ file: 'storage/fate-memory.ts', find: 'at >= 0 && wanted.size > 0; at--', put: 'at >= 0 && wanted.size < 0; at--' }],
  },
  {
    name: 'what is forgotten leaves no mark',
    seeds: 2000,
    edits: [{ file: 'storage/fate-memory.ts', find: '    forgottenThrough = taken\n', put: '' }],
  },
  {
    name: 'messages age by the wall clock',
    edits: [
      {
        file: 'core/runtime.ts',
        find: '    wanted(burials.expire(store.timeMs()))\n',
        put: '    wanted(burials.expire(clock.nowMs()))\n',
      },
    ],
  },
]
