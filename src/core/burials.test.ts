import { describe, expect, it } from 'vitest'
import { appendMessages } from './outbox.ts'
import { CLIENT, id, LEDGER, message, settings } from './testing/frames.ts'
import { createHost, type Host } from './testing/host.ts'
import { createMachine } from './testing/machine.ts'
import { createStoreDouble } from './testing/store-double.ts'

const fates = (host: Host): unknown[] => host.told('fates').flatMap((told) => told.fates)
const old = { settings: settings({ outbox: { maxAgeMs: 90_000 } }) }

describe('a message that is being buried', () => {
  it('[OB22] [I6] by the app does not also expire meanwhile', async () => {
    const host = createHost(old)
    host.runtime.dispatch({ type: 'start' })
    await host.runtime.send([message('a')])
    const release = host.store.hold('bury')
    const cancelled = host.runtime.cancel(id('a'))
    host.clock.advance(120_000)
    await host.settle()
    release()
    await cancelled
    await host.settle()
    expect(host.store.calls.filter((call) => call === 'bury')).toHaveLength(1)
    expect(fates(host)).toEqual([{ id: id('a'), fate: 'cancelled' }])
  })

  it('[OB22] [OB13] [I6] has the fate that the server gave it before that was stored, and no other', async () => {
    const store = createStoreDouble()
    // It left with an earlier socket, whose server may still be at work on it.
    store.outbox = { ...appendMessages(store.outbox, [message('a')], true, 0), ledger: LEDGER }
    const host = createHost({ store, ...old })
    const release = store.hold('bury')
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    expect(store.calls).toContain('bury')
    host.sockets.last().send({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    await host.settle()
    release()
    await host.settle()
    expect(fates(host)).toEqual([{ id: id('a'), fate: 'applied' }])
    expect([...host.runtime.parked.keys()]).toEqual([])
  })

  it('[OB22] [I8] is not sent while another one is', () => {
    const machine = createMachine().append(1, 2, 3)
    machine.feed({ type: 'burying', client: CLIENT, numbers: [2] }, { type: 'burying', client: CLIENT, numbers: [3] })
    machine.identify().raised().take()
    machine.feed({ type: 'kept', client: CLIENT, numbers: [3] })
    expect(machine.sent()).toEqual([])
    machine.feed({ type: 'buried', client: CLIENT, numbers: [2], why: 'cancelled' })
    expect(machine.sent()).toMatchObject([
      { type: 'skip', numbers: [{ n: 2 }] },
      { type: 'send', messages: [{ n: 3 }] },
    ])
  })

  it('[OB22] [OB18] is known by its number of that run only: what has it after a restart goes on', () => {
    const machine = createMachine()
      .append(1)
      .feed({ type: 'burying', client: CLIENT, numbers: [1] })
    const { outbox } = machine.state
    machine.feed({ type: 'restarted', outbox: { ...outbox, client: id('next') } }, { type: 'burying', client: CLIENT, numbers: [1] })
    machine.identify().raised()
    expect(machine.sent()).toContainEqual(expect.objectContaining({ type: 'send' }))
  })
})
