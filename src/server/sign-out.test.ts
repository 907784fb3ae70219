import { describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import { fakeServer, freshId } from './testing/fake-peer.ts'

const users = { authenticate: ({ credential }: { credential: string | null }) => (credential === null ? null : { user: credential }) }
const ada = { user: 'ada', credential: 'ada' }
const resumeOf = (session: { readonly id: string; readonly token?: string }) => ({ id: session.id, token: session.token ?? '' })

describe('sign_out', () => {
  it('(SEC8) [SO1] [I26] ends the session: it is not resumed any more, and the connection is closed with 4410', async () => {
    const { core, open, clock } = fakeServer(users)
    const peer = await open(ada)
    const session = resumeOf(peer.last('session_init').session)
    peer.say({ type: 'sign_out' })
    await clock.settle()
    expect(peer.closedWith).toEqual({ name: 'signedOut', code: 4410 })
    expect(core.metrics().sessions).toBe(0)
    const again = await open({ ...ada, session })
    expect(again.all('session_restored')).toEqual([])
    expect(again.last('session_init').session.id).not.toBe(session.id)
  })

  it('[SO1] [I26] hands nothing on any more from that moment', async () => {
    const { core, open, clock } = fakeServer({ ...users, onMessage: () => new Promise(() => {}) })
    const peer = await open({
      ...ada,
      subscriptions: [
        { sub: 1, channel: 'news', cursor: null },
        { sub: 2, channel: '@user', cursor: null },
      ],
    })
    // A handler that takes its time keeps the connection open a little longer.
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'news', data: 1 }] })
    peer.say({ type: 'sign_out' })
    await core.publish('news', 'after')
    await core.sendToUser('ada', 'secret')
    await clock.pass(1_000)
    expect(peer.closedWith).toBeUndefined()
    expect([...peer.messagesOf(1), ...peer.messagesOf(2)]).toEqual([])
    await clock.pass(1_500)
    expect(peer.closedWith?.code).toBe(4410)
  })

  it('[SO1] applies what was begun and acknowledges it before the close, and nothing of what was not', async () => {
    let finish = (): void => {}
    const handled: unknown[] = []
    const onMessage = ({ data }: { data: unknown }): Promise<string> => {
      handled.push(data)
      return new Promise((resolve) => (finish = () => resolve('done')))
    }
    const { open, clock } = fakeServer({ ...users, onMessage })
    const peer = await open(ada)
    const [first, second] = [freshId(), freshId()]
    peer.say({
      type: 'send',
      confirmed: 0,
      messages: [
        { n: 1, id: first, channel: 'news', data: 1 },
        { n: 2, id: second, channel: 'news', data: 2 },
      ],
    })
    peer.say({ type: 'sign_out' })
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 3, id: freshId(), channel: 'news', data: 3 }] })
    await clock.settle()
    finish()
    await clock.settle()
    expect(handled).toEqual([1])
    expect(peer.last('ack')).toMatchObject({ hi: 1, id: first })
    expect(peer.closedWith?.code).toBe(4410)
  })

  it('[SO1] ends the session of who asks and of nobody else, of the same user neither', async () => {
    const { core, open, clock } = fakeServer(users)
    const [phone, laptop, bob] = [await open(ada), await open(ada), await open({ user: 'bob', credential: 'bob' })]
    phone.say({ type: 'sign_out' })
    await clock.settle()
    expect(core.metrics().sessions).toBe(2)
    for (const peer of [laptop, bob]) {
      const session = resumeOf(peer.last('session_init').session)
      peer.drop()
      const user = peer === bob ? { user: 'bob', credential: 'bob' } : ada
      expect((await open({ ...user, session })).all('session_restored')).toHaveLength(1)
    }
  })

  it('[SO1] [P37] revokes the outbox tokens of this client id, and of no other', async () => {
    const engine = memoryEngine()
    const { open, clock } = fakeServer({ ...users, engine })
    const [phone, laptop] = [await open(ada), await open(ada)]
    phone.say({ type: 'sign_out' })
    await clock.settle()
    expect(engine.revokedAt(phone.client, 'ada')).toBeGreaterThan(0)
    expect(engine.revokedAt(laptop.client, 'ada')).toBe(0)
  })

  it('[SO1] [P4] before hello it is no message, and twice it does no harm', async () => {
    const { peer, open, clock } = fakeServer(users)
    const early = peer()
    early.say({ type: 'sign_out' })
    expect(early.closedWith?.code).toBe(4400)
    const eager = await open(ada)
    eager.say({ type: 'sign_out' })
    eager.say({ type: 'sign_out' })
    await clock.settle()
    expect(eager.closedWith?.code).toBe(4410)
  })
})
