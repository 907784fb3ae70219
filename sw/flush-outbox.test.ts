import { describe, expect, it } from 'vitest'
import { ownerLockName } from '../src/bridge/lock-names.ts'
import type { Store } from '../src/core/ports.ts'
import { HoldfastError } from '../src/protocol/errors.ts'
import type { FlushRefusal } from '../src/protocol/messages.ts'
import { flushOutbox } from './flush-outbox.ts'
import { createFlushWorld, flushed, idOf, MAX_AGE_MS, reach, SCOPE, type FlushWorld } from './testing/flush-world.ts'

const OTHER = 'X'.repeat(22)
const ids = (count: number, from = 1): string[] => Array.from({ length: count }, (_, at) => idOf(from + at))
const run = (world: FlushWorld, leave = new AbortController()) => flushOutbox(world.ports, SCOPE, MAX_AGE_MS, leave.signal)
/** A lock is free a moment after it was let go. */
const isFree = ({ locks }: FlushWorld): Promise<void> => expect.poll(async () => (await locks.query()).held, { interval: 1 }).toEqual([])

describe('flushing the outbox', () => {
  it('[SW8] sends everything in order under its own numbers and ids, once, and leaves nothing', async () => {
    const world = createFlushWorld()
    await world.queue([{}, { json: '{"a":[1,2]}', channel: 'other' }, {}])
    expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
    expect(world.endpoint.applied).toEqual([
      { id: idOf(1), data: idOf(1) },
      { id: idOf(2), data: { a: [1, 2] } },
      { id: idOf(3), data: idOf(3) },
    ])
    expect(world.endpoint.asked).toHaveLength(1)
    expect(world.endpoint.asked[0]).toMatchObject({
      url: 'https://app.example/live/outbox',
      token: 'T'.repeat(43),
      flush: { confirmed: 0, user: 'ada' },
    })
    expect(world.left()).toEqual([])
    expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
    expect(world.endpoint.asked).toHaveLength(1)
    await isFree(world)
    expect(world.clock.running).toBe(0)
  })

  it('[SW8] says sentThrough before the first byte leaves', async () => {
    const marks: number[] = []
    const world = createFlushWorld((scene, text) => {
      marks.push(scene.contents.stored?.outbox.sentThrough ?? 0)
      return reach(scene, text)
    })
    await world.queue([{}, {}])
    await run(world)
    expect(marks).toEqual([2])
  })

  it('[SW8] sends tombstones as skip', async () => {
    const world = createFlushWorld()
    await world.queue([{}, {}, {}])
    const hub = world.store()
    await hub.open()
    await hub.bury([2], 'cancelled')
    await run(world)
    expect(world.endpoint.asked[0]?.flush.entries[1]).toEqual({ n: 2, id: idOf(2), skip: true })
    expect(world.endpoint.applied.map(({ id }) => id)).toEqual([idOf(1), idOf(3)])
    expect(world.left()).toEqual([])
  })

  it('[SW8] marks what may repeat', async () => {
    const world = createFlushWorld()
    await world.queue([{}])
    const { stored } = world.contents
    if (stored) stored.outbox = { ...stored.outbox, entries: stored.outbox.entries.map((entry) => ({ ...entry, mayRepeat: true })) }
    await run(world)
    expect(world.endpoint.asked[0]?.flush.entries[0]).toMatchObject({ mayRepeat: true })
  })

  it('(W2) [SW12] leaves an outbox that cannot be read to a tab, and is not called again for it', async () => {
    const world = createFlushWorld()
    await world.queue([{}])
    const store = (): Promise<Store> =>
      Promise.resolve({
        ...world.store(),
        open: () => Promise.reject(new HoldfastError('storage-corrupt', 'The stored outbox cannot be read.')),
      })
    expect(await flushOutbox({ ...world.ports, store }, SCOPE, MAX_AGE_MS, new AbortController().signal)).toEqual({
      end: 'tab',
      why: 'corrupt',
    })
    expect(world.log).toContainEqual(expect.objectContaining({ level: 'error', event: 'flush-failed' }))
    expect(world.endpoint.asked).toEqual([])
    expect(world.left()).toEqual([idOf(1)])
    await isFree(world)
  })

  it('[SW11] settles with the outcomes of the server: replies are kept for tabs that ask, rejected messages are parked', async () => {
    const world = createFlushWorld()
    world.endpoint.rejects.add(2)
    await world.queue([{}, {}])
    await run(world)
    const hub = world.store()
    const { parked } = await hub.open()
    expect(parked.map(({ id, reason }) => [id, reason])).toEqual([[idOf(2), 'no']])
    expect(await hub.fatesOf(ids(2))).toEqual([
      { id: idOf(1), fate: 'applied', replyJson: '{"took":1}' },
      { id: idOf(2), fate: 'rejected', reason: 'rejected', message: 'no' },
    ])
  })

  it('[SW13] fills a POST with 256 messages at most, and to a quarter of what the server takes', async () => {
    const world = createFlushWorld()
    await world.queue(Array.from({ length: 300 }, () => ({})))
    await world.queue([{ json: `"${'a'.repeat(200_000)}"` }, { json: `"${'b'.repeat(300_000)}"` }, {}])
    expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
    expect(world.endpoint.asked.map(({ flush }) => flush.entries.length)).toEqual([256, 45, 1, 1])
    expect(world.endpoint.asked.map(({ flush }) => flush.confirmed)).toEqual([0, 256, 301, 302])
    expect(world.endpoint.ids).toHaveLength(303)
  })

  it('[SW9] stops before what must be asked about first', async () => {
    const world = createFlushWorld()
    await world.queue([{}, {}, {}])
    const { stored } = world.contents
    if (stored)
      stored.outbox = {
        ...stored.outbox,
        entries: stored.outbox.entries.map((entry) => (entry.n === 2 ? { ...entry, recall: [OTHER] } : entry)),
      }
    expect(await run(world)).toEqual({ end: 'tab', why: 'recall-or-age' })
    expect(world.endpoint.ids).toEqual([idOf(1)])
    expect(world.left()).toEqual([idOf(2), idOf(3)])
  })

  it('[SW9] stops before what is too old, and sends the tombstone of what has expired', async () => {
    const world = createFlushWorld()
    await world.queue([{}, {}, {}])
    world.clock.advance(MAX_AGE_MS + 1)
    await world.queue([{}])
    expect(await run(world)).toEqual({ end: 'tab', why: 'recall-or-age' })
    expect(world.endpoint.ids).toEqual([])
    const hub = world.store()
    await hub.open()
    await hub.bury([1, 2, 3], 'expired')
    expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
    expect(world.endpoint.applied.map(({ id }) => id)).toEqual([idOf(4)])
  })

  it('[SW12] waits for a tab before the first contact, when there is no credential yet', async () => {
    const world = createFlushWorld()
    await world.queue([{}], null)
    expect(await run(world)).toEqual({ end: 'tab', why: 'no-token' })
    expect(world.endpoint.asked).toEqual([])
    expect(world.contents.stored?.outbox.sentThrough).toBe(0)
  })

  it('[SW14] makes no database where there is none', async () => {
    const world = createFlushWorld()
    expect(await run(world)).toEqual({ end: 'sent', why: 'no-store' })
    expect(world.contents.stored).toBeNull()
  })

  it('[SW6] leaves everything to a hub that lives', async () => {
    const world = createFlushWorld()
    await world.queue([{}])
    const { lease } = world.contents
    void world.locks.request(ownerLockName(SCOPE), () => new Promise(() => {}))
    const flushing = run(world)
    await Promise.resolve()
    world.clock.advance(40_000)
    expect(await flushing).toEqual({ end: 'again', why: 'hub' })
    expect(world.contents.lease).toBe(lease)
    expect(world.endpoint.asked).toEqual([])
  })

  it('[SW7] gives way between two POSTs to a hub that waits', async () => {
    const world = createFlushWorld(async (scene, text) => {
      void scene.locks.request(ownerLockName(SCOPE), () => undefined)
      return reach(scene, text)
    })
    await world.queue(Array.from({ length: 600 }, () => ({})))
    expect(await run(world)).toEqual({ end: 'again', why: 'hub' })
    expect(world.endpoint.ids).toHaveLength(256)
    expect(world.left()).toEqual(ids(344, 257))
    expect(world.contents.stored?.outbox.sentThrough).toBe(256)
  })

  it('[SW7] sends nothing more when the lock was taken', async () => {
    const world = createFlushWorld(async (scene, text) => {
      scene.locks.take(ownerLockName(SCOPE))
      return reach(scene, text)
    })
    await world.queue(Array.from({ length: 600 }, () => ({})))
    expect(await run(world)).toEqual({ end: 'again', why: 'hub' })
    expect(world.endpoint.asked).toHaveLength(1)
  })

  it('[SW7] changes nothing when the lease was taken, and has the browser try again', async () => {
    const world = createFlushWorld(async (scene, text) => {
      await scene.store().open()
      return reach(scene, text)
    })
    await world.queue([{}, {}])
    expect(await run(world)).toEqual({ end: 'again', why: 'failed' })
    expect(world.left()).toEqual(ids(2))
    await isFree(world)
    // Whoever sends it again is told that it is known.
    expect(world.endpoint.ids).toEqual(ids(2))
  })

  it('[SW10] gives a POST 10 s, and keeps what may have been applied', async () => {
    let aborted = false
    let asked = (): void => {}
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    const world = createFlushWorld((scene, text, signal) => {
      void reach(scene, text)
      asked()
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted = true
          reject(signal.reason as Error)
        }),
      )
    })
    await world.queue([{}])
    const flushing = run(world)
    await isAsked
    world.clock.advance(9_999)
    expect(aborted).toBe(false)
    world.clock.advance(1)
    expect(await flushing).toEqual({ end: 'again', why: 'no-answer' })
    expect(world.left()).toEqual(ids(1))
    expect(world.contents.stored?.outbox.sentThrough).toBe(1)
    await isFree(world)
  })

  it('[SW15] ends in the middle of a POST when an update is accepted, and keeps what was not acknowledged', async () => {
    const leave = new AbortController()
    const world = createFlushWorld(async (scene, text, signal) => {
      if (scene.endpoint.asked.length === 1) return reach(scene, text)
      leave.abort()
      signal.throwIfAborted()
      return reach(scene, text)
    })
    await world.queue(Array.from({ length: 600 }, () => ({})))
    expect(await run(world, leave)).toEqual({ end: 'again', why: 'no-answer' })
    expect(world.left()).toEqual(ids(344, 257))
    await isFree(world)
  })

  it.each([
    ['a page of a captive portal', { status: 200, text: null }],
    ['a page that claims to be JSON', { status: 200, text: '<html>sign in</html>' }],
    ['JSON of somebody else', { status: 200, text: '{"type":"ok"}' }],
    ['an ack under a status that says the contrary', { status: 502, text: JSON.stringify(flushed({})) }],
    ['a refusal under a status of success', { status: 200, text: '{"type":"flush_refused","reason":"ledger"}' }],
    ['an answer that is cut', { status: 200, text: JSON.stringify(flushed({})).slice(0, 40) }],
    ['nothing', { status: 500, text: null }],
  ])('(X5) [SW10] takes %s for no answer', async (_, answer) => {
    const world = createFlushWorld(() => Promise.resolve(answer))
    await world.queue([{}, {}])
    expect(await run(world)).toEqual({ end: 'again', why: 'no-answer' })
    expect(world.left()).toEqual(ids(2))
  })

  it.each([
    ['another user', { user: 'eve' }],
    ['no user', { user: null }],
    ['another ledger', { ledger: OTHER }],
    ['another id at hi', { client: { hi: 2, id: OTHER } }],
    ['more than was sent', { client: { hi: 3, id: idOf(3) }, hi: 3, stable: 3, id: idOf(3) }],
    ['no client', { client: null }],
    ['another id at stable', { stable: 1, id: OTHER }],
  ])('(X5) (SEC19) [SW11] deletes nothing for an answer that speaks of %s', async (_, change) => {
    const world = createFlushWorld(() => Promise.resolve({ status: 200, text: JSON.stringify(flushed(change)) }))
    await world.queue([{}, {}])
    expect((await run(world)).end).toBe('tab')
    expect(world.left()).toEqual(ids(2))
    expect(world.endpoint.asked).toHaveLength(1)
  })

  it('[SW11] deletes nothing for an answer that has forgotten what is confirmed', async () => {
    let answer = reach
    const world = createFlushWorld((scene, text) => answer(scene, text))
    await world.queue([{}, {}])
    await run(world)
    await world.queue([{}])
    const less = flushed({ client: { hi: 1, id: idOf(1) }, hi: 1, stable: 1, id: idOf(1) })
    answer = () => Promise.resolve({ status: 200, text: JSON.stringify(less) })
    expect(await run(world)).toEqual({ end: 'tab', why: 'disagreement' })
    expect(world.left()).toEqual([idOf(3)])
  })

  it('[SW11] keeps what is committed and not stable', async () => {
    const world = createFlushWorld()
    world.endpoint.unstable = 1
    await world.queue([{}, {}])
    expect(await run(world)).toEqual({ end: 'again', why: 'not-stable' })
    expect(world.left()).toEqual([idOf(2)])
    world.endpoint.unstable = 0
    expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
    expect(world.endpoint.applied).toHaveLength(2)
  })

  it.each<[FlushRefusal, string]>([
    ['unauthenticated', 'tab'],
    ['forbidden', 'tab'],
    ['user', 'tab'],
    ['version', 'tab'],
    ['ledger', 'tab'],
    ['unknown_client', 'tab'],
    ['conflict', 'tab'],
    ['expected', 'tab'],
    ['bad-message', 'tab'],
    ['busy', 'again'],
  ])('(X6) [SW12] after the refusal %s the end is: %s', async (reason, end) => {
    const world = createFlushWorld(() => Promise.resolve({ status: 409, text: JSON.stringify({ type: 'flush_refused', reason }) }))
    await world.queue([{}, {}])
    expect(await run(world)).toEqual({ end, why: reason })
    expect(world.left()).toEqual(ids(2))
  })

  it('[SW12] has the browser try again when the store fails', async () => {
    const world = createFlushWorld()
    await world.queue([{}])
    const ports = { ...world.ports, store: () => Promise.reject(new Error('the disk is full')) }
    expect(await flushOutbox(ports, SCOPE, MAX_AGE_MS, new AbortController().signal)).toEqual({ end: 'again', why: 'failed' })
    expect(world.log.at(-1)).toMatchObject({ level: 'error', event: 'flush-failed' })
    await isFree(world)
  })

  it('[SW10] never logs a token or a message', async () => {
    const world = createFlushWorld()
    await world.queue([{ json: '"the secret text"' }])
    await run(world)
    expect(world.log.length).toBeGreaterThan(0)
    expect(JSON.stringify(world.log)).not.toMatch(/TTTT|secret/)
  })
})
