/** @type {readonly import('./sabotages.mjs').Sabotage[]} */
export const ELECTED_SABOTAGES = [
  {
    name: 'hubs in tabs work without the owner lock',
    edits: [
      {
        file: 'hub/succession.ts',
        find: '    const owned = await takeOwnerLock(',
        put: '    const owned = !shared ? { wasTaken: false, lost: new Promise(() => {}), release() {} } : await takeOwnerLock(',
      },
    ],
  },
  {
    name: 'a tab does not notice that the tab with its hub is gone, or stands still',
    edits: [
      {
        file: 'page/hub-link.ts',
        find: "            if (!apart) void whenFree(held.locks, answer.value.lock, signal).then(() => mine('gone'))\n",
        put: "            if (!apart && (!worker.isHere || worker.isHere()))\n              void whenFree(held.locks, answer.value.lock, signal).then(() => mine('gone'))\n",
      },
      { file: 'page/hub-link.ts', find: '        if (apart || platform.isVisible() || worker.isHere?.()) void check()\n', put: '' },
    ],
  },
  {
    name: 'a tab that was elected starts no hub',
    edits: [
      {
        file: 'page/elected-hub.ts',
        find: '        worker = startWorker()\n',
        put: '        worker = { addEventListener() {}, terminate() {} }\n',
      },
    ],
  },
  {
    name: 'tabs speak with a hub in a tab on one line for all',
    edits: [{ file: 'bridge/broadcast-port.ts', find: '  return `${name}:${id}`\n', put: '  return `${name}:${id.slice(99)}line`\n' }],
  },
  {
    name: 'what is said to a hub in a tab before it listens is lost',
    edits: [
      {
        file: 'bridge/broadcast-port.ts',
        find: '      posted.push(message)\n',
        put: '',
      },
    ],
  },
  {
    name: 'a hub in a tab does not say that it listens',
    edits: [{ file: 'bridge/broadcast-port.ts', find: '  calls.postMessage({ listening: true } satisfies Call)\n', put: '' }],
  },
  {
    name: 'a page whose SharedWorker fails does not try a hub in a tab',
    edits: [{ file: 'page/rungs.ts', find: '    if (!canShare) return false\n', put: '    if (canShare) return false\n' }],
  },
]
