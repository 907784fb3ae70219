/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const RIGHTS_SABOTAGES = [
  {
    name: 'who is disconnected stays',
    edits: [{ file: 'server/rights.ts', find: 'for (const holder of this.#of(ending.of)) holder.end(ending.close)', put: '' }],
  },
  {
    name: 'a user who is taken out of a channel reads on',
    edits: [{ file: 'server/rights.ts', find: 'for (const holder of this.#of(ending)) holder.unsubscribe(ending.channel)', put: '' }],
  },
  {
    name: 'who is revoked stays',
    edits: [{ file: 'server/rights.ts', find: "else for (const holder of this.#of(ending)) holder.end('unauthenticated')", put: '' }],
  },
]
