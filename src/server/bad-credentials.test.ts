import { createHmac, timingSafeEqual } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { attackServer, sendOf } from './testing/attack-contract.ts'
import type { Authenticated } from './options.ts'

const KEY = 'a key only the server has'
const HOUR_S = 3_600

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const signatureOf = (text: string): string => createHmac('sha256', KEY).update(text).digest('base64url')
const nowS = (): number => Math.floor(Date.now() / 1_000)

/** A signed token, as many apps use them; `claims` and `header` replace what an honest one says. */
function tokenOf(claims: Readonly<Record<string, unknown>> = {}, header: Readonly<Record<string, unknown>> = {}): string {
  const text = `${part({ alg: 'HS256', ...header })}.${part({ sub: 'mallory', aud: 'app', exp: nowS() + HOUR_S, ...claims })}`
  return `${text}.${header['alg'] === 'none' ? '' : signatureOf(text)}`
}

/** The check of an app that does it right. */
function verify(credential: string | null): Authenticated | null {
  const [head = '', body = '', signature = ''] = (credential ?? '').split('.')
  const expected = Buffer.from(signatureOf(`${head}.${body}`))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg: unknown }
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as { sub: string; aud: string; exp: number; nbf?: number }
  if (alg !== 'HS256' || claims.aud !== 'app' || (claims.nbf ?? 0) > nowS()) return null
  return { user: claims.sub, expiresAtMs: claims.exp * 1_000 }
}

describe('a credential', () => {
  const applied: unknown[] = []
  let mayRead = true
  const server = attackServer(
    {
      authenticate: ({ credential }) => verify(credential),
      authorize: ({ user, channel, action }) =>
        user === 'ada' || channel === 'open' || (channel === 'revoked' && action === 'subscribe' && mayRead),
      onMessage: ({ data }) => void applied.push(data),
    },
    { user: 'ada', credential: tokenOf({ sub: 'ada' }) },
  )
  const mallory = (): { user: string; credential: string } => ({ user: 'mallory', credential: tokenOf() })

  it.each<[string, number, string | null]>([
    ['that has expired', 4401, tokenOf({ exp: nowS() - 1 })],
    ['that is not valid yet', 4401, tokenOf({ nbf: nowS() + HOUR_S })],
    ['of the algorithm none', 4401, tokenOf({}, { alg: 'none' })],
    ['for another audience', 4401, tokenOf({ aud: 'other' })],
    ['signed with another key', 4401, `${tokenOf().split('.').slice(0, 2).join('.')}.${'A'.repeat(43)}`],
    ['of 16,384 characters', 4401, 'x'.repeat(16_384)],
    ['that is missing', 4401, null],
    // Out of the range of the field, so that it does not reach the hook.
    ['of 16,385 characters', 4400, 'x'.repeat(16_385)],
    ['that is empty', 4400, ''],
  ])('(A1) %s closes with %i before anything is answered [P3] [P5]', async (_title, code, credential) => {
    const peer = await server.connect()
    peer.send({ ...server.witness, client: 'A'.repeat(22), user: 'mallory', session: null, credential, subscriptions: [] })
    expect((await peer.closed).code).toBe(code)
    expect(peer.received).toEqual([])
  })

  it('(A1) that ends while the socket is open closes it with 4401 [P32]', async () => {
    const peer = await server.open({ user: 'mallory', credential: tokenOf({ exp: (Date.now() + 300) / 1_000 }) })
    expect((await peer.closed).code).toBe(4401)
  })

  it.each<[string, () => string]>([
    ["that is another user's", () => tokenOf({ sub: 'ada' })],
    ['that has expired', () => tokenOf({ exp: nowS() - 1 })],
    ['that is forged', () => tokenOf({}, { alg: 'none' })],
  ])('(A2) %s given on a live socket closes it with 4401, and nothing later of it is applied [P32] [I25]', async (_title, credential) => {
    const peer = await server.open({ user: 'mallory', credential: tokenOf() })
    const times = applied.length
    peer.send({ type: 'authenticate', credential: credential() })
    expect((await peer.closed).code).toBe(4401)
    peer.send(sendOf(1, 'late', { channel: 'open' }))
    expect(applied.length).toBe(times)
  })

  it('(A3) that does not allow a channel: subscribing is refused for that channel alone [P29] [I28]', async () => {
    const channels = ['secret', 'open'].map((channel, at) => ({ sub: at + 1, channel, cursor: null }))
    const peer = await server.open({ ...mallory(), subscriptions: channels })
    expect(await peer.next('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
    await server.live.publish('secret', 'top secret')
    await server.live.publish('open', 'seen')
    expect(await peer.next('messages')).toMatchObject({ batches: [{ sub: 2, messages: [{ data: 'seen' }] }] })
    expect(JSON.stringify(peer.received)).not.toContain('top secret')
  })

  it("(A3) that does not allow a channel: another user's own channel cannot even be named [P29] [I26]", async () => {
    const names = ['@ada', '@user:ada', '@'].map((channel, at) => ({ sub: at + 1, channel, cursor: null }))
    const peer = await server.open({ ...mallory(), subscriptions: [...names, { sub: 9, channel: '@user', cursor: null }] })
    for (const { sub } of names) expect(await peer.next('refused')).toMatchObject({ sub, reason: 'forbidden' })
    await server.live.sendToUser('ada', 'for ada')
    await server.live.sendToUser('mallory', 'for mallory')
    expect(await peer.next('messages')).toMatchObject({ batches: [{ sub: 9, messages: [{ data: 'for mallory' }] }] })
    expect(JSON.stringify(peer.received)).not.toContain('for ada')
  })

  it('(A3) that does not allow a channel: a message to it is rejected, and the next one is applied [P14] [I28]', async () => {
    const peer = await server.open(mallory())
    peer.send(sendOf(1, 'into the secret', { channel: 'secret' }))
    expect(await peer.next('ack')).toMatchObject({ hi: 1, outcomes: [{ n: 1, rejected: 'forbidden' }] })
    peer.send(sendOf(2, 'allowed', { channel: 'open' }))
    expect(await peer.next('ack')).toMatchObject({ hi: 2, outcomes: [] })
    expect(applied.at(-1)).toBe('allowed')
    expect(applied).not.toContain('into the secret')
  })

  it('(A3) that no longer allows a channel: nothing of it is replayed [P29] [I28]', async () => {
    const first = await server.open({ ...mallory(), subscriptions: [{ sub: 1, channel: 'revoked', cursor: null }] })
    const cursor = (await first.next('subscribed')).head
    first.cut()
    await server.live.publish('revoked', 'missed')
    mayRead = false
    const again = await server.open({ ...mallory(), subscriptions: [{ sub: 1, channel: 'revoked', cursor }] })
    expect(await again.next('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
    again.send({ type: 'ping' })
    await again.next('pong')
    expect(JSON.stringify(again.received)).not.toContain('missed')
  })
})
