/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const LOCK_TABLE_SABOTAGES = [
  {
    name: 'a hub takes a tab for dead whose lock it does not see',
    edits: [
      {
        file: 'hub/hub.ts',
        find: 'const apart = !(await isHeld(platform.locks, request.lock))',
        put: 'const apart = request.lock === lock',
      },
    ],
  },
]
