import { describe, expect, it } from 'vitest'
import { attackServer, helloOf, sendOf } from './testing/attack-contract.ts'
import { freshId } from './testing/fake-peer.ts'
import type { Cursor, Hello, SessionInit } from '../protocol/index.ts'

const ADA = { user: 'ada', credential: 'ada' }
const MALLORY = { user: 'mallory', credential: 'mallory' }
const token = (): string => 'x'.repeat(43)
const wanting = (channel: string, cursor: Cursor | null = null, sub: number = 1): Hello['subscriptions'] => [{ sub, channel, cursor }]

describe('a connection', () => {
  const applied: unknown[] = []
  const server = attackServer(
    {
      authenticate: ({ credential }) => (credential === null ? null : { user: credential }),
      onMessage: ({ data }) => void applied.push(data),
      sessions: { ttlMs: 100, sweepMs: 10 },
    },
    ADA,
  )

  it.each<[string, () => Partial<Hello>]>([
    ['(order P1) (SEC5) proposes a session of its own', () => ({ ...MALLORY, session: { id: freshId(), token: token() } })],
    ['(order P1) guesses the token of a live session', () => ({ ...ADA, session: { id: idOf(server.witness), token: token() } })],
    [
      '(order P3) resumes a live session with the token of another',
      () => ({ ...ADA, session: { id: idOf(server.witness), token: freshId() + freshId().slice(1) } }),
    ],
    ['(order P4) resumes the live session of another user', () => ({ ...MALLORY, session: server.witness.session })],
    ['(order P4) takes the client id of another user', () => ({ ...MALLORY, client: server.witness.client })],
  ])('that %s gets a new session, like everybody, and learns nothing [P6] [P9] [I27]', async (_title, fields) => {
    const ordinary = (await server.open(MALLORY)).received[0] as SessionInit
    const asked = fields()
    const answer = (await server.open(asked)).received[0] as SessionInit
    expect(Object.keys(answer)).toEqual(Object.keys(ordinary))
    expect(answer).toMatchObject({ type: 'session_init', connection: 1, client: null, ledger: ordinary.ledger })
    expect(answer.session.id).not.toBe(idOf(server.witness))
    expect(answer.session.id).not.toBe(asked.session?.id)
  })

  it('that (order P3) (SEC4) (SEC6) resumes its own session with a wrong token gets a new one, the failure is counted, and the live one goes on [P6] [I27]', async () => {
    const first = await server.open(MALLORY)
    const { session } = first.received[0] as SessionInit
    const before = server.live.metrics().totals['refused.resume'] ?? 0
    const wrong = await server.open({ ...MALLORY, session: { ...session, token: token() } })
    expect(wrong.received[0]).toMatchObject({ type: 'session_init', connection: 1 })
    expect(server.live.metrics().totals['refused.resume']).toBe(before + 1)
    first.send({ type: 'ping' })
    await first.next('pong')
  })

  it('that (order P3) resumes an expired session gets a new one [P6] [P8]', async () => {
    const first = await server.open(MALLORY)
    const { session } = first.received[0] as SessionInit
    first.cut()
    await expect.poll(() => server.live.metrics().sessions, { interval: 10 }).toBe(1)
    const late = (await server.open({ ...MALLORY, session })).received[0] as SessionInit
    expect(late).toMatchObject({ type: 'session_init', connection: 1 })
    expect(late.session.id).not.toBe(session.id)
  })

  it('that (order P4) sends under the client id of another user is unknown, and nothing is applied [P9] [I25]', async () => {
    const peer = await server.open({ ...MALLORY, client: server.witness.client })
    const times = applied.length
    peer.send(sendOf(1, 'stolen'))
    await peer.next('unknown_client')
    peer.send(sendOf(2, 'stolen'))
    peer.send({ type: 'ping' })
    await peer.next('pong')
    expect(applied.length).toBe(times)
  })

  it.each([
    ['says hello twice', async () => server.open(MALLORY), helloOf(MALLORY)],
    ['says ping before hello', async () => server.connect(), { type: 'ping' } as const],
    ['sends before hello', async () => server.connect(), sendOf(1)],
  ])('that (order P2) %s is closed with 4400 [P4]', async (_title, open, message) => {
    const peer = await open()
    peer.send(message)
    expect((await peer.closed).code).toBe(4400)
  })

  it.each<[string, (head: Cursor) => Cursor, string]>([
    ['beyond the head', (head) => ({ ...head, offset: head.offset + 1 }), 'diverged'],
    ['far beyond the head', (head) => ({ ...head, offset: 2 ** 48 }), 'diverged'],
    ['of another epoch', (head) => ({ ...head, epoch: freshId() }), 'epoch'],
    ['with another id at its offset', (head) => ({ ...head, id: freshId() }), 'diverged'],
  ])('that (order P5) gives a cursor %s is reset, and starts anew [P23] [P24]', async (_title, change, reason) => {
    const head = await server.live.publish('agents', 1)
    const peer = await server.open({ ...MALLORY, subscriptions: wanting('agents', change(head)) })
    expect(await peer.next('reset')).toMatchObject({ sub: 1, reason })
    expect(await peer.next('subscribed')).toMatchObject({ verdict: 'start', head })
  })

  it.each<[string, unknown]>([
    ['is negative', { epoch: freshId(), offset: -1, id: freshId() }],
    ['has no epoch', { epoch: '', offset: 1, id: freshId() }],
    ['has an epoch of 1 MB', { epoch: 'e'.repeat(1_000_000), offset: 1, id: freshId() }],
    ['has no id', { epoch: freshId(), offset: 1, id: '' }],
  ])('that (order P5) gives a cursor that %s is closed with 4400 [P3]', async (_title, cursor) => {
    const peer = await server.open(MALLORY)
    peer.sendText(JSON.stringify({ type: 'subscribe', subscriptions: [{ sub: 1, channel: 'agents', cursor }] }))
    expect((await peer.closed).code).toBe(4400)
  })

  it('that (order P6) leaves a number out is told which one is expected, and the late one is not applied [P11] [I9]', async () => {
    const peer = await server.open(MALLORY)
    peer.send(sendOf(1, 'first'))
    await peer.next('ack')
    peer.send(sendOf(3, 'third'))
    expect(await peer.next('expected')).toEqual({ type: 'expected', n: 2 })
    expect(applied.at(-1)).toBe('first')
  })

  it('that (order P7) repeats a number with its id is acknowledged again, and nothing is applied twice [P11] [I7]', async () => {
    const peer = await server.open(MALLORY)
    const message = sendOf(1, 'once')
    peer.send(message)
    const ack = await peer.next('ack')
    const times = applied.length
    peer.send(message)
    expect(await peer.next('ack')).toEqual(ack)
    expect(applied.length).toBe(times)
  })

  it('that (order P7) repeats a number with another id is refused from there on [P11] [P13] [I23]', async () => {
    const peer = await server.open(MALLORY)
    peer.send(sendOf(1))
    await peer.next('ack')
    const times = applied.length
    peer.send(sendOf(1, 'other'))
    expect(await peer.next('conflict')).toEqual({ type: 'conflict', n: 1 })
    peer.send(sendOf(2, 'after'))
    peer.send({ type: 'ping' })
    await peer.next('pong')
    expect(applied.length).toBe(times)
  })

  it('that (order P9) begins at 50 is an unknown client, and nothing is applied [P13] [I12]', async () => {
    const peer = await server.open(MALLORY)
    const times = applied.length
    peer.send(sendOf(50))
    await peer.next('unknown_client')
    expect(applied.length).toBe(times)
  })

  it.each([2, 1_000, 2 ** 48])(
    'that (order P10) confirms %i of one number harms itself only: its number stays known [P12] [I7]',
    async (confirmed) => {
      const client = freshId()
      const peer = await server.open({ ...MALLORY, client })
      const message = sendOf(1, 'confirmed')
      peer.send(message)
      await peer.next('ack')
      const times = applied.length
      peer.send({ type: 'send', confirmed, messages: [] })
      peer.send({ type: 'ping' })
      await peer.next('pong')
      const again = await server.open({ ...MALLORY, client, confirmed })
      expect(again.received[0]).toMatchObject({ client: { hi: 1 } })
      again.send(message)
      expect(await again.next('ack')).toMatchObject({ hi: 1, stable: 1 })
      expect(applied.length).toBe(times)
      again.send(sendOf(2))
      expect(await again.next('ack')).toMatchObject({ hi: 2, stable: 2 })
    },
  )

  it('that (order P11) confirms less than before brings nothing back [P12]', async () => {
    const peer = await server.open(MALLORY)
    peer.send(sendOf(1))
    await peer.next('ack')
    peer.send({ ...sendOf(2), confirmed: 1 } as never)
    await peer.next('ack')
    peer.send({ ...sendOf(3), confirmed: 0 } as never)
    expect(await peer.next('ack')).toMatchObject({ hi: 3, stable: 3 })
  })

  it('that (order P12) sends 10,000 messages without waiting is closed with 4429, and no number is left out [P16] [I30]', async () => {
    const peer = await server.open(MALLORY)
    const before = applied.length
    peer.send({
      type: 'send',
      confirmed: 0,
      messages: Array.from({ length: 10_000 }, (_, at) => ({ n: at + 1, id: freshId(), channel: 'agents', data: at })),
    })
    expect((await peer.closed).code).toBe(4429)
    expect(applied.slice(before)).toEqual([])
  })

  it('that (order P13) was replaced is closed with 4409, and what it says then is dropped [P7] [I21]', async () => {
    const client = freshId()
    const old = await server.raw()
    const { session } = JSON.parse(old.texts[0] ?? '') as SessionInit
    const times = applied.length
    const young = await server.open({ ...ADA, session, client })
    expect(young.received[0]?.type).toBe('session_restored')
    await expect.poll(() => old.opcodes.includes(8)).toBe(true)
    old.say(sendOf(1, 'late'))
    expect(await old.closed).toBe(4409)
    young.send({ type: 'ping' })
    await young.next('pong')
    expect([applied.length, server.live.metrics().queued]).toEqual([times, 0])
  })

  it('that (order P14) wants 129 channels is refused the last one only [P29]', async () => {
    const channels = Array.from({ length: 129 }, (_, at) => ({ sub: at + 1, channel: `channel-${at}`, cursor: null }))
    const peer = await server.open({ ...MALLORY, subscriptions: channels })
    expect(await peer.next('refused')).toMatchObject({ sub: 129, reason: 'limit' })
    peer.send({ type: 'ping' })
    await peer.next('pong')
    expect(peer.received.filter(({ type }) => type === 'subscribed')).toHaveLength(128)
  })

  it('that (order P14) wants a channel twice has it once, under the second number [P22]', async () => {
    const peer = await server.open({ ...MALLORY, subscriptions: [...wanting('twice'), ...wanting('twice', null, 2)] })
    await peer.until((message) => message.type === 'subscribed' && message.sub === 2)
    await server.live.publish('twice', 1)
    expect(await peer.next('messages')).toMatchObject({ batches: [{ sub: 2 }] })
    peer.send({ type: 'ping' })
    await peer.next('pong')
    expect(peer.received.filter(({ type }) => type === 'messages')).toHaveLength(1)
  })

  it('that (order P14) uses a number twice is closed with 4400 [P22]', async () => {
    const peer = await server.open({ ...MALLORY, subscriptions: wanting('one') })
    peer.send({ type: 'subscribe', subscriptions: wanting('two') })
    expect((await peer.closed).code).toBe(4400)
  })

  it('that (order P14) gives up what it never had is not told of it [P22]', async () => {
    const peer = await server.open(MALLORY)
    peer.send({ type: 'unsubscribe', subs: [1, 2 ** 48] })
    peer.send({ type: 'snapshot_request', sub: 9, from: 2 ** 48 })
    peer.send({ type: 'ping' })
    await peer.next('pong')
    expect(peer.received.map(({ type }) => type)).toEqual(['session_init', 'pong'])
  })
})

function idOf({ session }: Hello): string {
  return session?.id ?? ''
}
