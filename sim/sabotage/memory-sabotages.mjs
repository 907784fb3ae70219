/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const MEMORY_SABOTAGES = [
  {
    name: 'that an id was taken is forgotten with its reply',
    seeds: 2000,
    edits: [{ file: 'storage/fate-memory.ts', find: 'at >= 0 && wanted.size > 0; at--', put: 'at >= 0 && wanted.size < 0; at--' }],
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
