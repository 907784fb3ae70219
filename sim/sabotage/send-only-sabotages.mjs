/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const SEND_ONLY_SABOTAGES = [
  {
    name: 'a service worker sends without the lease',
    number: 15,
    edits: [
      {
        file: 'sw/owner-turn.ts',
        find: '    return await locks.request(name, { signal: waiting.signal }, async () => {\n      stopPatience()\n',
        put: '    return await locks.request(`${name}:its own`, { signal: waiting.signal }, async () => {\n      stopPatience()\n',
      },
    ],
  },
  {
    name: 'a hub that no tab is attached to keeps the owner lock',
    edits: [
      {
        file: 'hub/hub.ts',
        find: '      if (ownership.isIdle()) giveBack(ownership)\n      else lookForTabs()\n',
        put: '      lookForTabs()\n',
      },
    ],
  },
  {
    name: 'a service worker restarts the outbox',
    edits: [
      {
        file: 'core/connecting.ts',
        find: "  if (turn.state.sendOnly !== null) return endSendOnly(turn, 'tab', why)\n  closeSocket",
        put: '  closeSocket',
      },
    ],
  },
  {
    name: 'a service worker believes whoever answers',
    seeds: 2000,
    edits: [
      { file: 'core/connecting.ts', find: "answer.type === 'send_only' && answer.ledger !== state.outbox.ledger", put: 'state.links < 0' },
      {
        file: 'core/connecting.ts',
        find: "  const disagreement = isStranger ? 'ledger' : compareMemories(state.outbox, answer)\n",
        put: '  const disagreement = isStranger || state.sendOnly === null ? compareMemories(state.outbox, answer) : null\n',
      },
      {
        file: 'core/sending.ts',
        find: "  if (stable > outbox.acked && idAt(outbox, stable) !== id) return restartOutbox(turn, 'other-id')\n",
        put: "  if (turn.state.sendOnly === null && stable > outbox.acked && idAt(outbox, stable) !== id) return restartOutbox(turn, 'other-id')\n",
      },
      { file: 'storage/outbox-methods.ts', find: 'if (through > outbox.acked && idAt(outbox, through) !== id)', put: 'if (through < 0)' },
    ],
  },
  {
    name: 'a service worker sends before the mark is stored',
    edits: [
      {
        file: 'core/sending.ts',
        find: '  sendEntries(turn, Math.min(last, outbox.sentThrough))',
        put: '  sendEntries(turn, sendOnly === null ? Math.min(last, outbox.sentThrough) : last)',
      },
    ],
  },
  {
    name: 'a service worker keeps the lock',
    edits: [
      {
        file: 'sw/owner-turn.ts',
        find: '      return ended ?? work({ over, ended: () => ended })\n',
        put: `      if (ended !== null) return ended
      const worked = work({ over, ended: () => ended })
      tellOver = () => {}
      void worked.then(tellDone)
      return new Promise(() => {})
`,
      },
      {
        file: 'sw/owner-turn.ts',
        find: '    return await locks.request(name,',
        put: '    let tellDone = (_) => {}\n    const done = new Promise((resolve) => (tellDone = resolve))\n    return await Promise.race([done, locks.request(name,',
      },
      { file: 'sw/owner-turn.ts', find: '    })\n  } catch (error) {', put: '    })])\n  } catch (error) {' },
    ],
  },
  {
    name: 'a service worker sends what is to be asked about',
    seeds: 2000,
    edits: [{ file: 'core/send-only.ts', find: "  if (recall) return 'recall'\n", put: '  if (recall === null) return null\n' }],
  },
  {
    name: 'a service worker goes on while a hub waits',
    edits: [
      {
        file: 'sw/owner-turn.ts',
        find: "if (pending.some((request) => request.name === name)) end('hub')",
        put: "if (pending.length < 0) end('hub')",
      },
      {
        file: 'sw/owner-turn.ts',
        find: "hubs.addEventListener('message', () => end('hub'))",
        put: "hubs.addEventListener('message', () => {})",
      },
    ],
  },
  {
    name: 'a service worker goes on after an update was accepted',
    seeds: 2000,
    edits: [
      { file: 'sw/owner-turn.ts', find: "leave.aborted ? 'update' : null", put: 'null' },
      { file: 'sw/owner-turn.ts', find: "const leaves = (): void => end('update')", put: 'const leaves = (): void => {}' },
    ],
  },
  {
    name: 'a service worker that has ended sends on',
    seeds: 2000,
    edits: [{ file: 'sw/send-outbox.ts', find: "      runtime.dispatch({ type: 'stop' })\n", put: '' }],
  },
  {
    name: "the server takes one client's outbox with the token of another",
    edits: [
      { file: 'server/send-only-desk.ts', find: 'grant?.client !== client ||', put: 'grant === null ||' },
      { file: 'server/send-only-desk.ts', find: "    if (grant.user !== user) return this.#refuse('token', 'wrongUser')\n", put: '' },
    ],
  },
  {
    name: 'the server takes an outbox with a token that was revoked',
    seeds: 4000,
    edits: [{ file: 'server/send-only-desk.ts', find: 'grant.revocations < revokedAt ?', put: 'revokedAt < 0 ?' }],
  },
  {
    name: 'a connection that only sends is one of the session',
    edits: [
      {
        file: 'server/send-only-desk.ts',
        find: '    this.#guests.set(key, { client, guest })\n',
        put: '    this.#guests.set(key, { client, guest })\n    for (const one of this.#host.connections?.(client) ?? []) one.end("replaced")\n',
      },
      {
        file: 'server/live-core.ts',
        find: '  /** Takes an accepted socket;',
        put: '  connections(client) {\n    return [...this.#connections].filter((one) => one.session !== undefined && one.clientOf() === client)\n  }\n\n  /** Takes an accepted socket;',
      },
      {
        file: 'server/connection.ts',
        find: '  unsubscribe(channel: string): void {',
        put: '  clientOf() {\n    return this.#lane?.client\n  }\n\n  unsubscribe(channel: string): void {',
      },
    ],
  },
  {
    name: 'a store takes what is written under an older lease',
    edits: [
      {
        file: 'storage/memory-store.ts',
        find: '    if (contents.lease === lease) {\n',
        put: '    if (lease !== null) {\n',
      },
    ],
  },
]
