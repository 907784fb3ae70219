import { describe, expect, it } from 'vitest'
import { appendMessages } from './outbox.ts'
import { id, message, welcome } from './testing/frames.ts'
import { createHost } from './testing/host.ts'
import { createStoreDouble } from './testing/store-double.ts'

describe('a store that answers too late', () => {
  it('[OB21] [OB9] [I5] what it took in after all keeps its number and is not sent', async () => {
    const host = createHost()
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    const release = host.store.hold('append')
    const sent = host.runtime.send([message('a')])
    await host.settle()
    host.clock.advance(5_000)
    host.sockets.last().send({ type: 'pong' })
    for (let passedMs = 5_000; passedMs < 30_000; passedMs += 5_000) {
      host.clock.advance(5_000)
      host.sockets.last().send({ type: 'pong' })
    }
    expect(await sent).toEqual([{ failed: { code: 'storage-failed', message: expect.any(String) as unknown } }])
    release()
    await host.settle()
    expect(host.store.outbox.entries).toMatchObject([{ n: 1, id: id('a'), skip: 'cancelled', json: '' }])
    const frames = host.sockets.last().received.filter(({ type }) => type === 'send' || type === 'skip')
    expect(frames).toEqual([{ type: 'skip', numbers: [{ n: 1, id: id('a') }] }])
    expect(await host.runtime.send([message('b')])).toMatchObject([{ queued: { n: 2 } }])
  })

  it('[OB14] what the server skipped is told as cancelled, also by a hub that did not know', async () => {
    const store = createStoreDouble()
    store.outbox = { ...appendMessages(store.outbox, [message('a')], true), ledger: id('ledger') }
    const host = createHost({ store })
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome({ client: { hi: 1, id: id('a') } }))
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [{ n: 1, skipped: true }] })
    await host.settle()
    expect(host.told('fates')).toEqual([{ type: 'fates', fates: [{ id: id('a'), fate: 'cancelled' }] }])
  })
})
