/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const RIGHTS_SABOTAGES = [
  {
    name: 'a right goes on: who is disconnected stays',
    edits: [{ file: 'server/rights.ts', find: 'for (const bearer of this.#of(ending.of)) bearer.end(ending.close)', put: '' }],
  },
  {
    name: 'a right goes on: a user who is taken out of a channel reads on',
    edits: [{ file: 'server/rights.ts', find: 'for (const bearer of this.#of(ending)) bearer.unsubscribe(ending.channel)', put: '' }],
  },
  {
    name: 'a right goes on: who is revoked stays',
    edits: [{ file: 'server/rights.ts', find: "else for (const bearer of this.#of(ending)) bearer.end('unauthenticated')", put: '' }],
  },
]
