/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const SIGN_OUT_SABOTAGES = [
  {
    name: 'who signs out tells no other tab',
    seeds: 2000,
    edits: [{ file: 'hub/sign-out.ts', find: '    for (const tab of tabs) tab.signedOut(asked.has(tab))\n', put: '' }],
  },
  {
    name: 'who signs out leaves the outbox behind',
    edits: [
      {
        file: 'storage/memory-store.ts',
        find: 'sender: random.id() }, park, clock.nowMs())\n',
        put: 'sender: random.id() }, true, clock.nowMs())\n',
      },
    ],
  },
  {
    name: 'who signs out leaves the cache behind',
    edits: [{ file: 'storage/memory-store.ts', find: '      contents.channels.clear()\n', put: '' }],
  },
  {
    name: 'what is to be kept is deleted when the user leaves',
    edits: [{ file: 'storage/stored-outbox.ts', find: '  if (!park) return left\n', put: '  if (!park || outbox.next > 0) return left\n' }],
  },
  {
    name: 'what was kept is sent again without asking',
    seeds: 4000,
    edits: [
      {
        file: 'storage/stored-outbox.ts',
        find: "restartOutbox(outbox, newClient, 'possibly-sent')",
        put: "restartOutbox({ ...outbox, sentThrough: 0 }, newClient, 'possibly-sent')",
      },
    ],
  },
  {
    name: 'a page that slept while its user left goes on',
    seeds: 4000,
    edits: [
      {
        file: 'hub/tab-session.ts',
        find: 'return this.signOuts !== undefined && this.signOuts < signOuts',
        put: 'return this.signOuts !== undefined && this.signOuts < signOuts - 1_000',
      },
    ],
  },
  {
    name: 'the server does not end the session of who leaves',
    seeds: 4000,
    edits: [{ file: 'server/admitted-connection.ts', find: '    await engine.forget(session)\n', put: '' }],
  },
]
