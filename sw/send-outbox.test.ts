import { describe, expect, it } from 'vitest'
import { hubsChannelName, ownerLockName } from '../src/bridge/lock-names.ts'
import { restartOutbox } from '../src/core/outbox.ts'
import type { Store } from '../src/core/ports.ts'
import { CLOSE } from '../src/protocol/close-codes.ts'
import { HoldfastError } from '../src/protocol/errors.ts'
import { sendOutbox } from './send-outbox.ts'
import type { SendOnlyEnd } from '../src/core/state.ts'
import { createSendWorld, idOf, MAX_AGE_MS, SCOPE, SEND_ONLY, type SendWorld } from './testing/send-world.ts'

const ids = (count: number, from = 1): string[] => Array.from({ length: count }, (_, at) => idOf(from + at))
const many = (count: number): object[] => Array.from({ length: count }, () => ({}))
const run = (world: SendWorld, leave = new AbortController()): Promise<SendOnlyEnd> =>
  sendOutbox(world.ports, SCOPE, MAX_AGE_MS, leave.signal)
/** A lock is free a moment after it was let go. */
const isFree = ({ locks }: SendWorld): Promise<void> => expect.poll(async () => (await locks.query()).held, { interval: 1 }).toEqual([])
const turns = async (): Promise<void> => {
  for (let at = 0; at < 50; at++) await Promise.resolve()
}

describe('sending the outbox with no tab open', () => {
  it('[SW8] [I13] everything goes in order under its own numbers and ids, once, and nothing is left', async () => {
    const world = createSendWorld()
    await world.queue([{}, { json: '{"a":[1,2]}', channel: 'other' }, ...many(20)])
    const { client } = world.contents.stored?.outbox ?? { client: '' }
    expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
    expect(world.applied()).toEqual(ids(22))
    expect(world.sockets.map(({ url }) => url)).toEqual(['wss://app.example/live'])
    expect(world.hellos()).toMatchObject([{ client, user: 'ada', session: null, credential: null, outboxToken: SEND_ONLY.token }])
    expect(world.left()).toEqual([])
    // Nothing is left: nobody is asked.
    expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
    expect(world.sockets).toHaveLength(1)
    await isFree(world)
    expect(world.clock.running).toBe(0)
  })

  it('[SW8] the session and the token stay as they were', async () => {
    const world = createSendWorld()
    await world.queue([{}])
    const before = { session: world.contents.stored?.session, sendOnly: world.contents.stored?.sendOnly }
    await run(world)
    expect(world.contents.stored).toMatchObject(before)
  })

  it('[SW8] sentThrough is said before the first byte leaves', async () => {
    const marks: unknown[] = []
    const world = createSendWorld({
      up: (_, message) => {
        if (message.type === 'send') marks.push([world.contents.stored?.outbox.sentThrough, message.messages.at(-1)?.n])
        return true
      },
    })
    await world.queue(many(6))
    await run(world)
    expect(marks.length).toBeGreaterThan(0)
    for (const [mark, n] of marks as [number, number][]) expect(mark).toBeGreaterThanOrEqual(n)
  })

  it('(W2) [SW12] leaves an outbox that cannot be read to a tab, and is not called again for it', async () => {
    const world = createSendWorld()
    await world.queue([{}])
    const store = (): Promise<Store> =>
      Promise.resolve({
        ...world.store(),
        open: () => Promise.reject(new HoldfastError('storage-corrupt', 'The stored outbox cannot be read.')),
      })
    expect(await sendOutbox({ ...world.ports, store }, SCOPE, MAX_AGE_MS, new AbortController().signal)).toEqual({
      end: 'tab',
      why: 'corrupt',
    })
    expect(world.log).toContainEqual(expect.objectContaining({ level: 'error', event: 'send-outbox-failed' }))
    expect([world.sockets, world.left()]).toEqual([[], [idOf(1)]])
    await isFree(world)
  })

  it('[SW11] outcomes are kept for tabs that ask, and rejected messages are parked', async () => {
    const world = createSendWorld()
    await world.queue([{ json: '"reply"' }, { json: '"reject"' }])
    await run(world)
    const hub = world.store()
    const { parked } = await hub.open()
    expect(parked.map(({ id, reason }) => [id, reason])).toEqual([[idOf(2), 'no']])
    expect(await hub.fatesOf(ids(2))).toEqual([
      { id: idOf(1), fate: 'applied', replyJson: '1' },
      { id: idOf(2), fate: 'rejected', reason: 'rejected', message: 'no' },
    ])
  })

  it('[SW9] stops before what must be asked about first, and before what is too old', async () => {
    const asked = createSendWorld()
    await asked.queue(many(2))
    const { stored } = asked.contents
    if (stored)
      stored.outbox = {
        ...restartOutbox({ ...stored.outbox, sentThrough: 2 }, 'N'.repeat(22), 'possibly-sent'),
        ledger: asked.server.ledger,
      }
    expect(await run(asked)).toEqual({ end: 'tab', why: 'recall' })
    expect(asked.applied()).toEqual([])
    const old = createSendWorld()
    await old.queue(many(2))
    old.clock.advance(MAX_AGE_MS + 1)
    await old.queue([{}])
    expect(await run(old)).toEqual({ end: 'tab', why: 'age' })
    expect(old.left()).toEqual(ids(3))
    const hub = old.store()
    await hub.open()
    await hub.bury([1, 2], 'expired')
    expect(await run(old)).toEqual({ end: 'sent', why: 'all' })
    expect(old.applied()).toEqual([idOf(3)])
  })

  it('[SW12] waits for a tab before the first contact, when there is no token yet', async () => {
    const world = createSendWorld()
    await world.queue([{}], null)
    expect(await run(world)).toEqual({ end: 'tab', why: 'no-token' })
    expect(world.sockets).toEqual([])
    expect(world.contents.stored?.outbox.sentThrough).toBe(0)
  })

  it('[SW14] makes no database where there is none', async () => {
    const world = createSendWorld()
    expect(await run(world)).toEqual({ end: 'sent', why: 'no-store' })
    expect(world.contents.stored).toBeNull()
  })

  it('[SW6] leaves everything to a hub that lives', async () => {
    const world = createSendWorld()
    await world.queue([{}])
    const { lease } = world.contents
    void world.locks.request(ownerLockName(SCOPE), () => new Promise(() => {}))
    const sending = run(world)
    await turns()
    world.clock.advance(40_000)
    expect(await sending).toEqual({ end: 'again', why: 'hub' })
    expect(world.contents.lease).toBe(lease)
    expect(world.sockets).toEqual([])
  })

  it('[SW7] gives way at once to a hub that says that it wants the outbox, in the middle of it', async () => {
    const world = createSendWorld({
      down(_, message) {
        if (message.type === 'ack' && message.hi >= 8)
          world.openBroadcast(hubsChannelName(SCOPE)).postMessage({ epoch: 0, instance: 'I'.repeat(22) })
        return true
      },
    })
    await world.queue(many(40))
    expect(await run(world)).toEqual({ end: 'again', why: 'hub' })
    await turns()
    const through = world.applied().length
    expect(through).toBeLessThan(40)
    expect(world.sockets[0]?.isOver).toBe(true)
    await isFree(world)
    // Whoever sends it again is told that it is known.
    expect(await run(Object.assign(world, { between: {} }))).toEqual({ end: 'sent', why: 'all' })
    expect(world.applied()).toEqual(ids(40))
  })

  it('[SW7] sends nothing more when the lock was taken, and changes nothing when the lease was', async () => {
    const robbed = createSendWorld({
      down(_, message) {
        if (message.type === 'ack') robbed.locks.take(ownerLockName(SCOPE))
        return true
      },
    })
    await robbed.queue(many(40))
    expect(await run(robbed)).toEqual({ end: 'again', why: 'hub' })
    await turns()
    expect(robbed.applied().length).toBeLessThan(40)
    const fenced = createSendWorld({
      up(_, message) {
        if (message.type === 'send') void fenced.store().open()
        return true
      },
    })
    await fenced.queue(many(2))
    expect(await run(fenced)).toEqual({ end: 'again', why: 'store' })
    expect(fenced.left()).toEqual(ids(2))
    await isFree(fenced)
  })

  it('[SW15] ends in the middle when an update is accepted, and keeps what was not acknowledged', async () => {
    const leave = new AbortController()
    const world = createSendWorld({
      down(_, message) {
        if (message.type === 'ack' && message.hi >= 8) leave.abort()
        return message.type !== 'ack' || message.hi < 8
      },
    })
    await world.queue(many(40))
    expect(await run(world, leave)).toEqual({ end: 'again', why: 'update' })
    expect(world.left().length).toBeGreaterThan(32)
    await isFree(world)
    expect(await run(world, leave)).toEqual({ end: 'again', why: 'update' })
    expect(world.sockets).toHaveLength(1)
  })

  it('(X5) [SW10] three tries that end in nothing settle nothing: the browser is to try again', async () => {
    const cases: readonly [string, Partial<SendWorld['between']>][] = [
      ['an upgrade that a portal refuses', { opens: (far) => (far.cut(), false) }],
      ['a socket that opens and says nothing', { up: () => false }],
      ['a socket that opens and is closed', { up: (far) => (far.cut(), false) }],
      ['a page where the answer should be', { up: (far) => (far.say('<html>sign in</html>'), false) }],
      ['JSON of somebody else', { up: (far) => (far.say('{"type":"ok"}'), false) }],
      ['half an answer', { up: (far) => (far.say('{"type":"send_only","protocol":1,"us'), false) }],
      ['an answer, and then an end before the ack', { down: (far, { type }) => type !== 'ack' || (far.cut(), false) }],
      ['too many of them at the server', { up: (far) => (far.cut(CLOSE.rate.code), false) }],
      ['a server that restarts', { up: (far) => (far.cut(CLOSE.restart.code), false) }],
    ]
    for (const [what, between] of cases) {
      const world = createSendWorld(between)
      await world.queue(many(2))
      const sending = run(world)
      for (let seconds = 0; seconds < 60; seconds++) {
        await turns()
        world.clock.advance(1_000)
      }
      expect([what, await sending, world.left(), world.sockets.length]).toMatchObject([what, { end: 'again' }, ids(2), 3])
      await isFree(world)
      expect(world.clock.running).toBe(0)
      world.between = {}
      expect(await run(world)).toEqual({ end: 'sent', why: 'all' })
      expect(world.applied()).toEqual(ids(2))
    }
  })

  it('(X5) [SW10] a try that failed is followed by another in the same event', async () => {
    let isLost = false
    const world = createSendWorld({
      down(far, message) {
        if (message.type !== 'ack' || isLost) return true
        isLost = true
        far.cut()
        return false
      },
    })
    await world.queue(many(3))
    const sending = run(world)
    await turns()
    world.clock.advance(1_000)
    expect(await sending).toEqual({ end: 'sent', why: 'all' })
    expect(world.applied()).toEqual(ids(3))
    expect(world.sockets).toHaveLength(2)
  })

  it('(X1) (X2) [SW12] [SW11] what only a tab can mend is left to one: refusals and memories that disagree', async () => {
    const refused = async (code: number): Promise<SendOnlyEnd> => {
      const world = createSendWorld({ up: (far) => (far.cut(code), false) })
      await world.queue(many(2))
      const end = await run(world)
      expect(world.left()).toEqual(ids(2))
      return end
    }
    expect(await refused(CLOSE.unauthenticated.code)).toEqual({ end: 'tab', why: 'auth' })
    expect(await refused(CLOSE.forbidden.code)).toEqual({ end: 'tab', why: 'forbidden' })
    expect(await refused(CLOSE.wrongUser.code)).toEqual({ end: 'tab', why: 'user' })
    expect(await refused(CLOSE.version.code)).toEqual({ end: 'tab', why: 'version' })
    const forgotten = createSendWorld()
    await forgotten.queue([{}])
    await run(forgotten)
    await forgotten.queue([{}])
    forgotten.server.loseAll()
    const { client } = forgotten.contents.stored?.outbox ?? {}
    expect(await run(forgotten)).toEqual({ end: 'tab', why: 'ledger' })
    expect(forgotten.contents.stored?.outbox.client).toBe(client)
    expect(forgotten.left()).toEqual([idOf(2)])
  })

  it('[SW12] has the browser try again when the store fails', async () => {
    const world = createSendWorld()
    await world.queue([{}])
    const ports = { ...world.ports, store: () => Promise.reject(new Error('the disk is full')) }
    expect(await sendOutbox(ports, SCOPE, MAX_AGE_MS, new AbortController().signal)).toEqual({ end: 'again', why: 'failed' })
    expect(world.log.at(-1)).toMatchObject({ level: 'error', event: 'send-outbox-failed' })
    await isFree(world)
  })

  it('(SEC22) [SW10] never logs a token or a message', async () => {
    const world = createSendWorld()
    await world.queue([{ json: '"the secret text"' }])
    await run(world)
    expect(world.log.length).toBeGreaterThan(0)
    expect(JSON.stringify(world.log)).not.toMatch(/TTTT|secret/)
  })
})
