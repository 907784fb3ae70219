// Deliberate bugs. Each is a change of the product's text while it is bundled for the simulator: nothing of it is in
// the product. `number` is the place in the list of bugs that a checker of this kind must catch; those without one were
// real, or are ours.
import { ELECTED_SABOTAGES } from './elected-sabotages.mjs'
import { RIGHTS_SABOTAGES } from './rights-sabotages.mjs'
import { SEND_ONLY_SABOTAGES } from './send-only-sabotages.mjs'
import { LOCK_TABLE_SABOTAGES } from './lock-table-sabotages.mjs'
import { TELLING_SABOTAGES } from './telling-sabotages.mjs'
import { MEMORY_SABOTAGES } from './memory-sabotages.mjs'
import { SERVER_MEMORY_SABOTAGES } from './server-memory-sabotages.mjs'
import { SIGN_OUT_SABOTAGES } from './sign-out-sabotages.mjs'
import { SLOW_LINE_SABOTAGES } from './slow-line-sabotages.mjs'
import { RATE_SABOTAGES } from './rate-sabotages.mjs'

/**
 * @typedef {object} Sabotage
 * @property {string} name
 * @property {number} [number]
 * @property {readonly { file: string, find: string, put: string }[]} edits
 * @property {number} [seeds] simulations within which it must be caught; 200 unless said
 */

/** @type {readonly Sabotage[]} */
export const SABOTAGES = [
  {
    name: 'messages are deleted when they are sent',
    number: 1,
    edits: [
      {
        file: 'core/sending.ts',
        find: "  if (ids.length > 0) tell(turn, { type: 'sent', ids })\n",
        put: `  if (sent > outbox.acked) {
    const id = idAt(outbox, sent) ?? ''
    turn.effects.push({ type: 'settle', through: sent, id, fates: [] })
    change(turn, { outbox: settleThrough(outbox, sent, id) })
  }
  if (ids.length > 0) tell(turn, { type: 'sent', ids })
`,
      },
    ],
  },
  {
    name: 'messages are deleted without comparing the id at the number',
    number: 2,
    seeds: 2000,
    edits: [
      {
        file: 'core/sending.ts',
        find: "  if (stable > outbox.acked && idAt(outbox, stable) !== id) return restartOutbox(turn, 'other-id')\n",
        put: '',
      },
      { file: 'core/outbox.ts', find: "return idAt(outbox, hi) === id ? null : 'other-id'", put: 'return id === undefined ? null : null' },
      { file: 'storage/outbox-methods.ts', find: 'if (through > outbox.acked && idAt(outbox, through) !== id)', put: 'if (through < 0)' },
    ],
  },
  {
    name: 'the ack precedes the commit',
    number: 3,
    edits: [
      {
        file: 'server/upstream.ts',
        find: '    this.#lane.push(entries())\n',
        put: `    const early = entries()
    const last = early[early.length - 1]
    if (last && last.n === (this.#lane.record?.hi ?? 0) + early.length)
      this.#host.outbound.sendText(\`{"type":"ack","hi":\${last.n},"stable":\${last.n},"id":"\${last.id}","outcomes":[]}\`)
    this.#lane.push(early)
`,
      },
    ],
  },
  {
    name: 'effect and number are committed in two steps',
    number: 4,
    edits: [
      {
        file: 'server/engines/memory.ts',
        find: '    for (const { id, fate } of commits) record.commit(id, fate)\n',
        put: '    for (const { id, fate, publications: published } of commits)\n      if (published.length === 0) record.commit(id, fate)\n      else host.clock.setTimer(2, () => record.commit(id, fate))\n',
      },
    ],
  },
  {
    name: 'the server remembers a window of ids and takes older numbers for new',
    number: 5,
    seeds: 2000,
    edits: [
      { file: 'server/client-record.ts', find: 'const KEPT_NUMBERS = 32', put: 'const KEPT_NUMBERS = 1' },
      {
        file: 'server/client-record.ts',
        find: 'Math.min(this.#confirmed + 1, this.#hi - KEPT_NUMBERS + 1)',
        put: 'this.#hi - KEPT_NUMBERS + 1',
      },
      { file: 'server/client-record.ts', find: 'if (this.#ids.length > 4 * KEPT_NUMBERS) this.#forget()', put: 'this.#forget()' },
      {
        file: 'server/judge-number.ts',
        find: 'return known !== undefined && known !== id',
        put: 'return known !== id',
      },
    ],
  },
  {
    name: 'another memory of the server is not noticed',
    number: 6,
    seeds: 2000,
    edits: [
      {
        file: 'core/outbox.ts',
        find: "  if (outbox.ledger !== null && outbox.ledger !== answer.ledger && everSent(outbox)) return 'ledger'\n",
        put: '  if (everSent === null) return null\n',
      },
    ],
  },
  {
    name: 'a lost log keeps its epoch',
    number: 7,
    edits: [
      {
        file: 'server/engines/memory-channels.ts',
        find: 'new ChannelLog(epoch, limits)',
        put: "new ChannelLog('sameEpochForEverybody0', limits)",
      },
    ],
  },
  {
    name: 'live messages overlap with the replay',
    number: 8,
    seeds: 2000,
    edits: [
      {
        file: 'server/outbound.ts',
        find: "      const isMissed = receiver.phase === 'missed'\n",
        put: `      const isMissed = receiver.phase === 'missed'
      if (isMissed && receiver.target < shared.log.head) {
        const late = shared.live(receiver.target)
        this.line.out.send(receiver.sub, { text: HEAD + batch(receiver.sub, late) + TAIL })
        receiver.target = shared.log.head
      }
`,
      },
    ],
  },
  {
    name: 'what is published during a replay is left out',
    number: 9,
    seeds: 2000,
    edits: [
      {
        file: 'server/outbound.ts',
        find: "      if (isMissed && chunk.end.offset >= receiver.target) receiver.phase = 'live'\n",
        put: "      if (isMissed && chunk.end.offset >= receiver.target) {\n        receiver.phase = 'live'\n        receiver.place = shared.log.headCursor()\n      }\n",
      },
      { file: 'server/channel-log.ts', find: 'export const CHUNK_MESSAGES = 500', put: 'export const CHUNK_MESSAGES = 2' },
    ],
  },
  {
    name: "a tab is served from the hub's place instead of its own",
    number: 10,
    edits: [
      {
        file: 'hub/channels.ts',
        find: '    const tabChannel = tab.want(wanted)\n',
        put: '    const own = this.#caches.get(wanted.channel)?.cursor ?? null\n    const tabChannel = tab.want(wanted.position && own ? { ...wanted, position: own } : wanted)\n',
      },
    ],
  },
  {
    name: 'hello forgets the places',
    number: 11,
    edits: [
      {
        file: 'core/opening-subscriptions.ts',
        find: 'wanted.push({ sub, channel, cursor: receiving.cursor })',
        put: 'wanted.push({ sub, channel, cursor: null })',
      },
    ],
  },
  {
    name: "an old socket's close ends the session's newer connection",
    number: 12,
    edits: [
      {
        file: 'server/live-core.ts',
        find: 'if (session === undefined || this.#bySession.get(session) !== connection) return\n',
        put: 'if (session === undefined) return\n',
      },
      {
        file: 'server/connection.ts',
        find: 'closed(): void {\n    this.#end()\n',
        put: 'closed(): void {\n    this.#end()\n    this.#host.left(this)\n',
      },
    ],
  },
  {
    name: 'a session can be resumed once',
    number: 13,
    edits: [
      {
        file: 'server/engines/memory.ts',
        find: '      host.fenced(resume.id, named.connection)\n',
        put: '      host.fenced(resume.id, named.connection)\n      named.usedMs = -Infinity\n',
      },
      { file: 'server/engines/memory.ts', find: '      sessions.use(resume.id, nowMs)\n', put: '' },
      {
        file: 'server/engines/memory.ts',
        find: '    for (const id of sessions) this.#running.sessions.use(id, nowMs)\n',
        put: '    if (sessions.length < 0) return\n',
      },
    ],
  },
  {
    name: 'older sockets are not fenced',
    number: 14,
    edits: [
      {
        file: 'server/connection.ts',
        find: '  end(name: CloseName): void {\n',
        put: "  end(name: CloseName): void {\n    if (name === 'replaced') return\n",
      },
    ],
  },
  {
    name: 'a message is told as queued before it is stored',
    number: 16,
    edits: [
      {
        file: 'core/group-commit.ts',
        find: '      gathering.push(waiting)\n',
        put: `      gathering.push(waiting)
      resolve(messages.map((message) => ({ queued: { ...message, n: 1 } })))
`,
      },
    ],
  },
  {
    name: 'the outbox is not kept by user',
    number: 17,
    edits: [
      {
        file: 'page/options.ts',
        find: 'JSON.stringify([url.origin + url.pathname, user])',
        put: 'JSON.stringify([url.origin + url.pathname])',
      },
    ],
  },
  {
    name: 'a replay asks nobody for permission',
    number: 18,
    edits: [
      {
        file: 'server/rights.ts',
        find: "return this.#ask(party, channel, 'subscribe', () => false)",
        put: "return party.user !== '' || this.#ask(party, channel, 'subscribe', () => false)",
      },
    ],
  },
  {
    name: 'the delays begin anew when a socket opens',
    number: 19,
    edits: [
      {
        file: 'core/connecting.ts',
        find: "    phase: { name: 'greeting', asked",
        put: "    attempt: 0,\n    phase: { name: 'greeting', asked",
      },
    ],
  },
  {
    name: 'a refused connection is tried again by itself',
    edits: [
      {
        file: 'core/connecting.ts',
        find: "  if (afterClose(code) === 'refuse' && !outlived) return settleRefused(turn, refusalOf(code))\n",
        put: "  if (afterClose(code) === 'refuse' && code !== CLOSE.unauthenticated.code && !outlived) return settleRefused(turn, refusalOf(code))\n",
      },
    ],
  },
  {
    name: 'a passing message that nobody answered for is told as not sent',
    edits: [
      {
        file: 'page/sender.ts',
        find: "else if (mayBeDone(answer.error)) sending.failed(notKnown(answer.error), 'unknown')",
        put: "else if (mayBeDone(answer.error)) sending.failed(new HoldfastError('not-connected', 'There is no connection.'))",
      },
    ],
  },
  {
    name: 'a wake-up begins the delays anew',
    edits: [{ file: 'core/transition.ts', find: "    case 'wake':\n", put: "    case 'wake':\n      change(turn, { attempt: 0 })\n" }],
  },
  {
    name: 'what is sent during a resend stays behind',
    seeds: 2000,
    number: 20,
    edits: [
      {
        file: 'core/transition.ts',
        find: 'change(turn, { outbox: appendEntries(outbox, notHeld(outbox, event.entries), event.sent) })\n      return sending.pump(turn)',
        put: 'change(turn, { outbox: appendEntries(outbox, notHeld(outbox, event.entries), event.sent) })\n      return event.sent ? sending.pump(turn) : undefined',
      },
    ],
  },
  {
    name: 'trimmed history is taken for nothing missed',
    number: 21,
    edits: [
      {
        file: 'server/subscriptions.ts',
        find: '    if (lost !== null) return this.lost(receiver, lost)\n    this.#recover(receiver, shared, cursor)\n',
        put: "    if (lost?.reason === 'trimmed') return this.#recover(receiver, shared, shared.log.headCursor())\n    if (lost !== null) return this.lost(receiver, lost)\n    this.#recover(receiver, shared, cursor)\n",
      },
      { file: 'core/receiving.ts', find: 'head.offset - cursor.offset !== message.missed', put: 'head.offset < cursor.offset' },
      {
        file: 'core/receiving.ts',
        find: '  if (messages[0]?.offset !== cursor.offset + 1) return doesNotFollow(turn, channel, known)\n',
        put: '',
      },
    ],
  },
  {
    name: 'a place beyond the head counts as up to date',
    number: 22,
    edits: [
      {
        file: 'server/channel-log.ts',
        find: "    if (place.offset > this.#head) return { reason: 'diverged' }\n",
        put: '    if (place.offset > this.#head) return null\n',
      },
      {
        file: 'server/engines/memory-channels.ts',
        find: 'new ChannelLog(epoch, limits)',
        put: "new ChannelLog('sameEpochForEverybody0', limits)",
      },
    ],
  },
  {
    name: 'silence is reckoned from the timer and not over a sleep',
    number: 23,
    seeds: 2000,
    edits: [
      {
        file: 'core/heartbeat.ts',
        find: '  const left = leftMs(turn, link)\n',
        put: '  const left = Math.max(leftMs(turn, link), 0.1 * silenceMs(turn, link))\n',
      },
    ],
  },
  {
    name: 'an ack beyond everything sent is believed',
    number: 24,
    edits: [
      {
        file: 'core/sending.ts',
        find: 'if (!link || hi > outbox.sentThrough) return breakProtocol(turn)',
        put: 'if (!link) return breakProtocol(turn)',
      },
      {
        file: 'core/sending.ts',
        find: "  if (stable > outbox.acked && idAt(outbox, stable) !== id) return restartOutbox(turn, 'other-id')\n",
        put: '',
      },
      {
        file: 'core/sending.ts',
        find: '    if (!entry) return breakProtocol(turn)\n    news.push',
        put: '    if (!entry) break\n    news.push',
      },
      { file: 'storage/outbox-methods.ts', find: 'if (through > outbox.acked && idAt(outbox, through) !== id)', put: 'if (through < 0)' },
    ],
  },
  {
    name: 'numbers alone tell repeats, after a store went back',
    number: 25,
    seeds: 2000,
    edits: [
      {
        file: 'server/judge-number.ts',
        find: 'return known !== undefined && known !== id',
        put: 'return known === null',
      },
      { file: 'core/outbox.ts', find: "return idAt(outbox, hi) === id ? null : 'other-id'", put: 'return id === undefined ? null : null' },
      { file: 'core/outbox.ts', find: "  if (hi >= outbox.next) return 'store-went-back'\n", put: '' },
      {
        file: 'core/sending.ts',
        find: "  if (stable > outbox.acked && idAt(outbox, stable) !== id) return restartOutbox(turn, 'other-id')\n",
        put: '',
      },
      { file: 'storage/outbox-methods.ts', find: 'if (through > outbox.acked && idAt(outbox, through) !== id)', put: 'if (through < 0)' },
    ],
  },
  {
    name: 'what may repeat is sent unmarked',
    edits: [
      { file: 'core/sending.ts', find: "mayRepeat ? ',\"mayRepeat\":true' : ''", put: "mayRepeat === null ? ',\"mayRepeat\":true' : ''" },
    ],
  },
  {
    name: 'messages to be asked about are sent without asking',
    edits: [{ file: 'core/outbox.ts', find: '...(mayBeKnown ? { recall:', put: '...(mayBeKnown && outbox.acked < 0 ? { recall:' }],
  },
  {
    name: 'a message is sent before its mark is stored',
    seeds: 2000,
    edits: [
      { file: 'core/sending.ts', find: "    turn.effects.push({ type: 'raise-sent-through', n: last })\n", put: '' },
      { file: 'core/sending.ts', find: '  sendEntries(turn, Math.min(last, outbox.sentThrough))', put: '  sendEntries(turn, last)' },
      {
        file: 'core/sending.ts',
        find: 'if (!link || hi > outbox.sentThrough) return breakProtocol(turn)',
        put: 'if (!link) return breakProtocol(turn)',
      },
    ],
  },
  {
    name: 'a handler that fails is tried for ever',
    edits: [{ file: 'server/message-handler.ts', find: 'const TRIES = 5', put: 'const TRIES = Infinity' }],
  },
  {
    name: 'a tab does not offer again what a dead hub did not answer',
    edits: [
      {
        file: 'page/sender.ts',
        find: '        isAgain ||= mayBeDone(answer.error)\n        continue\n',
        put: '        handed = []\n        continue\n',
      },
    ],
  },
  {
    name: 'a single message is left out, and its receiver does not mind',
    edits: [
      {
        file: 'core/receiving.ts',
        find: '  if (messages[0]?.offset !== cursor.offset + 1) return doesNotFollow(turn, channel, known)\n',
        put: '  if (messages[0] && messages[0].offset > cursor.offset + 2) return doesNotFollow(turn, channel, known)\n',
      },
      {
        file: 'server/outbound.ts',
        find: '      receiver.place = chunk.end\n      if (isMissed',
        put: '      receiver.place = chunk.end\n      if (!isMissed && chunk.end.offset + 1 === shared.log.head) receiver.place = shared.log.headCursor()\n      if (isMissed',
      },
      { file: 'server/channel-log.ts', find: 'export const CHUNK_MESSAGES = 500', put: 'export const CHUNK_MESSAGES = 2' },
    ],
  },
  {
    name: 'a stored channel with a hole is given out',
    seeds: 2000,
    edits: [
      {
        file: 'storage/memory-store.ts',
        find: 'if (!isWhole(messages, cursor.offset)) contents',
        put: 'if (!isWhole(messages, cursor.offset) && messages.length < 0) contents',
      },
      { file: 'hub/cache-writer.ts', find: '        for (const cache of caches) cache.takeBack()\n', put: '' },
    ],
  },
  {
    name: 'an end is told before it is stored',
    seeds: 4000,
    edits: [
      {
        file: 'core/burials.ts',
        find: "    dispatch({ type: 'burying', client, numbers })\n",
        put: "    dispatch({ type: 'burying', client, numbers })\n    ended(entries, why)\n",
      },
    ],
  },
  {
    name: 'a hub whose lease was taken over holds on',
    edits: [
      {
        file: 'hub/hub.ts',
        find: 'createOwnership(platform, wanted, tabs, retire, () =>',
        put: 'createOwnership(platform, wanted, tabs, () => {}, () =>',
      },
    ],
    seeds: 4000,
  },
  {
    name: 'the tab of a steady hub forgets the state it was told',
    edits: [{ file: 'page/connection.ts', find: '      if (!isStateNew) forgetState()\n', put: '      forgetState()\n' }],
  },
  {
    name: 'a hidden or slow tab loses what it has no credit for',
    edits: [
      {
        file: 'hub/tab-session.ts',
        find: '    if (this.suspended || !this.#credit) return\n    if (this.visible)',
        put: '    if (this.suspended || !this.#credit) return this.#forget()\n    if (this.visible)',
      },
    ],
  },
  {
    name: 'a lost store is forgotten, and what waited in it',
    edits: [
      { file: 'hub/rescue.ts', find: '  if (again.length === 0) return []\n', put: '  if (again.length >= 0) return []\n' },
      { file: 'hub/rescue.ts', find: '  fates.tell(mayRepeat.map(mayRepeatFate))\n', put: '' },
    ],
  },
  {
    name: 'what is handed over again is queued as new, whatever the memory reaches',
    seeds: 2000,
    edits: [
      {
        file: 'storage/outbox-methods.ts',
        find: 'const doubtful = again.filter(({ since }) => since && !reaches(memory, since))',
        put: 'const doubtful = again.filter(({ since }) => since === undefined)',
      },
    ],
  },
  ...ELECTED_SABOTAGES,
  ...SEND_ONLY_SABOTAGES,
  ...LOCK_TABLE_SABOTAGES,
  ...MEMORY_SABOTAGES,
  ...SERVER_MEMORY_SABOTAGES,
  ...SIGN_OUT_SABOTAGES,
  ...RIGHTS_SABOTAGES,
  ...SLOW_LINE_SABOTAGES,
  ...RATE_SABOTAGES,
  ...TELLING_SABOTAGES,
]
