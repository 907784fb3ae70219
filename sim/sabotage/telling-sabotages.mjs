/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const TELLING_SABOTAGES = [
  {
    name: 'a page says that it was heard, and nobody listens',
    edits: [{ file: 'page/notice-teller.ts', find: '  if (to.isEmpty()) return false\n', put: '' }],
  },
  {
    name: 'a restart leaves nothing to be told',
    edits: [
      {
        file: 'storage/outbox-methods.ts',
        find: 'const noted = noteRestart(notices, restart, hasQuestions(before))',
        put: 'const noted = restart ? notices : noteRestart(notices, restart, hasQuestions(before))',
      },
    ],
  },
  {
    name: 'what may repeat is not told with the restart',
    edits: [
      {
        file: 'core/notices.ts',
        find: '  if (!open || doubtful.length + settled.length === 0) return notices\n',
        put: '  if (notices) return notices\n',
      },
    ],
  },
  {
    name: 'a hub tells only of its own restarts',
    edits: [{ file: 'storage/memory-store.ts', find: '        notices,\n', put: '        notices: [],\n' }],
  },
]
