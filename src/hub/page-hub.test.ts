import { afterEach, describe, expect, it, vi } from 'vitest'
import { openHubPort } from '../bridge/tab-end.ts'
import { holdLock } from '../bridge/liveness.ts'
import { hubName, tabLockName } from '../bridge/lock-names.ts'
import type { Delivery } from '../bridge/contract.ts'
import { id, settings } from '../core/testing/frames.ts'
import { clock } from './browser-platform.ts'
import { openLocalHubs } from './page-hub.ts'
import { settled } from './test-hub.ts'

const SCOPE = id('scope')

/** A socket that never opens. */
class StubSocket {
  static readonly made: StubSocket[] = []
  isClosed = false
  constructor() {
    StubSocket.made.push(this)
  }
  addEventListener(): void {}
  close(): void {
    this.isClosed = true
  }
}

describe('a hub in the page', () => {
  afterEach(() => void vi.unstubAllGlobals())

  it('[TB40] serves its page from memory, says so, keeps what is queued through another port, and ends with its socket', async () => {
    vi.stubGlobal('location', { href: 'https://app.test/' })
    vi.stubGlobal('WebSocket', StubSocket)
    const hubs = openLocalHubs()
    const hub = hubs.start(hubName(SCOPE, { generation: 0, build: '' }))
    const batches: Delivery[] = []
    const lock = tabLockName(SCOPE, id('tab'))
    await holdLock(hubs.locks, lock)
    const attach = async (attempt: number) => {
      const { port1, port2 } = new MessageChannel()
      hub.connect(port2)
      const tab = openHubPort(
        port1,
        {
          deliver: async (batch) => (batches.push(batch), null),
          credential: async () => ({ ok: true, value: null }),
        },
        clock,
      )
      const facts = { visible: true, watchesOutbox: false, canAuthenticate: false, channels: [], unsettled: [] }
      expect(await tab.call(1_000, 'attach', { bridge: 1, tab: id('tab'), attempt, lock, settings: settings(), ...facts })).toMatchObject({
        ok: true,
      })
      await settled()
      return tab
    }
    const first = await attach(1)
    expect(batches.at(-1)?.state).toMatchObject({ durable: false, shared: false, status: 'connecting' })
    const taken = batches.at(-1)?.taken ?? { memory: '', taken: 0 }
    expect(await first.call(1_000, 'send', [{ id: id('a'), channel: 'a', json: '1' }], taken, false)).toMatchObject({ ok: true })
    first.close({ code: 'closed', message: '' })
    const second = await attach(2)
    expect(await second.call(1_000, 'cancel', id('a'))).toMatchObject({ ok: true })
    expect(StubSocket.made.map(({ isClosed }) => isClosed)).toEqual([false])
    hub.end()
    await settled()
    expect(StubSocket.made.map(({ isClosed }) => isClosed)).toEqual([true])
    second.close({ code: 'closed', message: '' })
  })
})
