// One life of the demo's live server: its agents, its conversation, its memory.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createLiveServer, Rejected } from 'holdfast/server'
import { createSeededRandom } from 'holdfast/testing'
import { createCrew, pick } from './agents.mjs'

/**
 * @typedef {import('../app/conversation.ts').Draft} Draft
 * @typedef {import('../app/conversation.ts').Entry} Entry
 */

const TICK_MS = 650
const MAX_ENTRIES = 200
const MAX_TEXT = 500
const ANSWERS = [
  'On it. I will report back here.',
  'Noted. That changes the order of my next two steps.',
  'Agreed. I have put it on the board.',
  'Good catch: I am looking at it now.',
  'Done already, as it happens.',
  'That needs a human decision. I have parked it.',
]
const REMARKS = [
  'The nightly run is green again.',
  'Halfway through. Nothing unusual so far.',
  'I have found a shorter way and am taking it.',
  'Waiting for a review before I go on.',
]

/**
 * @param {readonly string[]} allowedOrigins Where the page comes from; not the proxy's origin.
 * @param {readonly Entry[]} [conversation] What was said before this server started; a crash leaves nothing.
 */
export async function startLive(allowedOrigins, conversation = []) {
  const random = createSeededRandom(Date.now())
  const crew = createCrew(random)
  /** @type {Entry[]} */
  let entries = [...conversation]
  /** @type {Set<NodeJS.Timeout>} */
  const timers = new Set()
  let isClosed = false

  /** @param {Entry} entry */
  const keep = (entry) => {
    entries = [...entries, entry].slice(-MAX_ENTRIES)
  }

  const live = createLiveServer({
    allowedOrigins,
    // The demo has no passwords.
    authenticate: ({ credential }) => (credential === null ? null : { user: credential }),
    // After more than that a newcomer gets a snapshot instead: quicker on a slow line.
    history: { messages: 200 },
    authorize: () => true,
    snapshot: (channel) => (channel === 'agents' ? crew.all() : channel === 'conversation' ? entries : undefined),
    onMessage({ id, key, channel, data, mayRepeat }, context) {
      if (channel !== 'conversation' || !isDraft(data)) throw new Rejected('This is not a message of the demo.')
      if (data.author.id !== context.user) throw new Rejected('It is signed by somebody else.')
      if (/reject/i.test(data.text)) throw new Rejected('It contains the word “reject”.')
      // Side effects of an app's own are deduplicated by the message's key: its id is whatever the sender says.
      if (entries.some((entry) => entry.key === key)) return
      const entry = { id, key, author: data.author, text: data.text, atMs: Date.now(), ...(mayRepeat && { mayRepeat }) }
      keep(entry)
      context.publish('conversation', entry)
      if (random.next() < 0.6) later(1_200 + random.integer(0, 1_800), () => speak(ANSWERS))
    },
  })

  /** @param {readonly string[]} lines */
  function speak(lines) {
    const { id, name } = crew.all()[random.integer(0, crew.all().length - 1)] ?? { id: 'atlas', name: 'Atlas' }
    /** @type {Entry} */
    const entry = { id: randomUUID(), author: { kind: 'agent', id, name }, text: pick(lines, random), atMs: Date.now() }
    keep(entry)
    publish('conversation', entry)
  }

  /**
   * @param {string} channel
   * @param {unknown} data
   */
  function publish(channel, data) {
    live.publish(channel, data).catch((error) => {
      if (!isClosed) console.error(error)
    })
  }

  /**
   * @param {number} delayMs
   * @param {() => void} run
   */
  function later(delayMs, run) {
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, delayMs)
    timers.add(timer)
  }

  const ticking = setInterval(() => {
    publish('agents', crew.step())
    if (random.next() < 0.02) speak(REMARKS)
  }, TICK_MS)
  if (entries.length === 0) speak(REMARKS)

  const server = createServer((_, response) => void response.writeHead(426).end())
  live.attach(server, { path: '/live' })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))

  return {
    port: Object(server.address()).port,
    /** What an app would have in its database. */
    conversation: () => entries,
    /**
     * With a goodbye to every client when there is time for it.
     *
     * @param {{ drainMs: number }} options
     */
    async close({ drainMs }) {
      isClosed = true
      clearInterval(ticking)
      for (const timer of timers) clearTimeout(timer)
      await live.close({ drainMs })
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/**
 * @param {unknown} data
 * @returns {data is Draft}
 */
function isDraft(data) {
  const { author, text } = Object(data)
  const { kind, id, name, tab } = Object(author)
  return (
    isText(text, MAX_TEXT) && kind === 'person' && isText(id, 64) && isText(name, 64) && (tab === undefined || Number.isSafeInteger(tab))
  )
}

/**
 * @param {unknown} text
 * @param {number} maxLength
 */
function isText(text, maxLength) {
  return typeof text === 'string' && text !== '' && text.length <= maxLength
}
