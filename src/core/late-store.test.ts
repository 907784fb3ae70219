import { describe, expect, it } from 'vitest'
import { appendMessages } from './outbox.ts'
import { CLIENT, id, message, welcome } from './testing/frames.ts'
import { createHost, type Host } from './testing/host.ts'
import { createStoreDouble } from './testing/store-double.ts'

/** The deadline of a store passes; the server goes on answering. */
function wait30s({ clock, sockets }: Host): void {
  for (let passedMs = 0; passedMs < 30_000; passedMs += 5_000) {
    clock.advance(5_000)
    sockets.last().send({ type: 'pong' })
  }
}

const sentUp = (host: Host): unknown[] => host.sockets.last().received.filter(({ type }) => type === 'send' || type === 'skip')

describe('a store that answers too late', () => {
  it('[OB21] [OB9] [I5] what it took in after all keeps its number and is not sent', async () => {
    const host = createHost()
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    const release = host.store.hold('append')
    const sent = host.runtime.send([message('a')])
    await host.settle()
    wait30s(host)
    expect(await sent).toEqual([{ failed: { code: 'storage-failed', message: expect.any(String) as unknown } }])
    release()
    await host.settle()
    expect(host.store.outbox.entries).toMatchObject([{ n: 1, id: id('a'), skip: 'cancelled', json: '' }])
    expect(sentUp(host)).toEqual([{ type: 'skip', numbers: [{ n: 1, id: id('a') }] }])
    expect(await host.runtime.send([message('b')])).toMatchObject([{ queued: { n: 2 } }])
  })

  it('[OB21] [OB17] [I5] what it did not take in is queued and sent when it is offered again', async () => {
    const host = createHost()
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    host.store.failing.add('append')
    const release = host.store.hold('append')
    const sent = host.runtime.send([message('a')])
    await host.settle()
    wait30s(host)
    expect(await sent).toMatchObject([{ failed: { code: 'storage-failed' } }])
    release()
    await host.settle()
    host.store.failing.clear()
    expect(await host.runtime.send([message('a')])).toMatchObject([{ queued: { n: 1 } }])
    expect(sentUp(host)).toMatchObject([{ type: 'send', messages: [{ n: 1, id: id('a') }] }])
  })

  it('[OB21] [OB14] [I5] what it took in after all while the outbox restarts is not sent in the new run either', async () => {
    const host = createHost()
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    await host.runtime.send([message('p')])
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('p'), outcomes: [] })
    await host.settle()
    const release = host.store.hold('append')
    const sent = host.runtime.send([message('a')])
    await host.settle()
    wait30s(host)
    expect(await sent).toMatchObject([{ failed: { code: 'storage-failed' } }])
    host.sockets.last().send({ type: 'unknown_client' })
    release()
    await host.settle()
    await host.answer()
    host.sockets.last().send({ type: 'recalled', client: CLIENT, fates: [] })
    await host.settle()
    expect(host.store.outbox).toMatchObject({ client: id('new1'), entries: [{ n: 1, id: id('a'), skip: 'cancelled' }] })
    expect(sentUp(host)).toEqual([{ type: 'skip', numbers: [{ n: 1, id: id('a') }] }])
  })

  it('[CN16] [OB15] that answers when the hub has ended sets no timer anew', async () => {
    const host = createHost()
    const release = host.store.hold('saveIdentity')
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    host.runtime.dispatch({ type: 'stop' })
    release()
    await host.settle()
    expect(host.clock.running).toBe(0)
  })

  it('[OB14] what the server skipped is told as cancelled, also by a hub that did not know', async () => {
    const store = createStoreDouble()
    store.outbox = { ...appendMessages(store.outbox, [message('a')], true, 1_000_000), ledger: id('ledger') }
    const host = createHost({ store })
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome({ client: { hi: 1, id: id('a') } }))
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [{ n: 1, skipped: true }] })
    await host.settle()
    expect(host.told('fates')).toEqual([{ type: 'fates', fates: [{ id: id('a'), fate: 'cancelled' }] }])
  })
})
