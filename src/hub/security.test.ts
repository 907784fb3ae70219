import { describe, expect, it } from 'vitest'
import { id, place, published } from '../core/testing/frames.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { createMemoryStore, emptyMemoryContents, type MemoryContents } from '../storage/memory-store.ts'
import { newcomer, perTest, say, settled, subOf, TestWorld } from './test-hub.ts'
import type { NewMessage } from '../core/ports.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const message = (name: string): NewMessage => ({ id: id(name), channel: 'agents', json: JSON.stringify(`SECRET ${name}`) })
const dump = (contents: MemoryContents): string =>
  JSON.stringify(contents, (_, value: unknown) => (value instanceof Map ? [...value] : value))

describe('what a hub stores and says', () => {
  it('(SEC17) the credential of the app is not stored; the resume token is, with the session', async () => {
    const tab = world.tab(world.hub())
    tab.credential = () => Promise.resolve({ ok: true, value: 'CREDENTIAL' })
    await tab.attach({ channels: [newcomer('agents')] })
    const socket = await world.accept()
    expect(JSON.stringify(socket.received)).toContain('CREDENTIAL')
    socket.send({ type: 'authenticate', withinMs: 60_000 })
    await tab.hub.send([message('a')])
    await settled()
    world.clock.advance(2_000)
    await settled()
    expect(dump(world.disk)).toContain('SECRET a')
    expect(dump(world.disk)).not.toContain('CREDENTIAL')
    expect(dump(world.disk)).toContain('t'.repeat(43))
  })

  it('(SEC16) (SEC22) neither log nor any tab learns credential, resume token or what another tab has queued', async () => {
    const hub = world.hub()
    const [one, two] = [world.tab(hub), world.tab(hub)]
    one.credential = two.credential = () => Promise.resolve({ ok: true, value: 'CREDENTIAL' })
    await one.attach({ channels: [newcomer('agents')] })
    await two.attach()
    const socket = await world.accept()
    const sub = subOf(socket, 'agents')
    await one.hub.send([message('a')])
    await two.hub.send([message('b')])
    await say(socket, { type: 'subscribed', sub, head: place(0), verdict: 'snapshot', value: 'SECRET value', follows: true })
    await say(socket, { type: 'messages', batches: [{ sub, messages: published(1, 2).map((each) => ({ ...each, data: 'SECRET' })) }] })
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [{ n: 1, rejected: 'rejected', message: 'SECRET reason' }] })
    // Everything that makes a line: a broken frame, an end, a disagreement, a store that fails.
    socket.listener.frame('{"type":"SECRET"}')
    await settled()
    world.clock.advance(60_000)
    const again = await world.accept({ ledger: id('other') })
    again.listener.closed(4401)
    world.loseStorage('SECRET is not part of it')
    await settled()
    const lines = JSON.stringify(world.log)
    expect(world.log.length).toBeGreaterThan(2)
    expect(lines.replaceAll('SECRET is not part of it', '')).not.toMatch(/SECRET|CREDENTIAL|t{43}/)
    const told = JSON.stringify([one.batches, two.batches])
    expect(told).not.toMatch(/CREDENTIAL|t{43}/)
    expect(JSON.stringify(two.batches).replaceAll('SECRET is not part of it', '')).not.toContain('SECRET')
  })
})

describe('two users of one browser', () => {
  it('(SEC7) (SEC6) [I25] [I26] each has a store of their own: nothing of one is sent, shown or deleted under the other', async () => {
    // Two scopes are two hubs with two databases; the server's end is told apart by the socket.
    const ada = world
    const bob = new TestWorld()
    const first = ada.tab(ada.hub())
    await first.attach({}, { user: 'ada' })
    await first.hub.send([message('of-ada')])
    await settled()
    const second = bob.tab(bob.hub())
    await second.attach({ watchesOutbox: true }, { user: 'bob' })
    const socket = await bob.accept({ user: 'bob' })
    expect(JSON.stringify([socket.received, second.batches])).not.toContain('of-ada')
    expect(second.pending).toBe(0)
    await second.hub.discard(id('of-ada'))
    await second.hub.cancel(id('of-ada'))
    const store = createMemoryStore({
      clock: createFakeClock(),
      random: ada.random,
      limits: { maxMessages: 10, maxBytes: 10_000 },
      contents: { ...emptyMemoryContents(), ...ada.disk },
    })
    expect((await store.open()).outbox.entries.map((entry) => entry.id)).toEqual([id('of-ada')])
    bob.close()
  })

  it('(SEC7) [I25] a server that takes the hub for another user gets nothing of the outbox', async () => {
    const tab = world.tab(world.hub())
    await tab.attach({}, { user: 'ada' })
    await tab.hub.send([message('of-ada')])
    const socket = await world.accept({ user: 'bob' })
    expect(JSON.stringify(socket.received)).not.toContain('SECRET')
    expect(tab.status).toBe('refused')
    expect(dump(world.disk)).toContain('SECRET of-ada')
  })
})
