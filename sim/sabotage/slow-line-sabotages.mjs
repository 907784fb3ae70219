/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const SLOW_LINE_SABOTAGES = [
  {
    name: 'a socket is taken for dead on which parts come',
    edits: [
      {
        file: 'core/transition.ts',
        find: '      heard(turn)\n      return progress(turn, event.hasMoved)\n',
        put: '      return progress(turn, event.hasMoved)\n',
      },
    ],
  },
]
