import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AppNotice } from '../core/notices.ts'
import { id } from '../core/testing/frames.ts'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import { settled, TestPage, until } from './test-page.ts'

let page: TestPage
let open: Connections

beforeEach(() => {
  page = new TestPage()
  open = new Map()
})

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  page.end()
})

async function connected(): Promise<Connection> {
  const connection = connectOn(page, open, { url: '/live' })
  await until(() => page.hubs.length > 0 && page.hub.calls.length > 0)
  await settled()
  return connection
}

/** The hub dies and another one is attached to. */
async function nextHub(): Promise<void> {
  const { length } = page.hubs
  // Long after the one before: two deaths in quick succession are followed by a pause.
  page.clock.pass(10_000)
  page.kill()
  await until(() => page.hubs.length > length && page.hub.calls.length > 0)
  await settled()
}

const restarted = { atMs: 5, reason: 'ledger', mayRepeat: ['a'], mayBeLost: ['b'], older: 1 } as const
const noted = { atMs: 6, reason: 'cleared', requeued: 3, mayRepeat: [], older: 0 } as const
const lost = { ...noted, lost: [] }
const restart = (name: string): AppNotice => ({ id: id(name), kind: 'outbox-restarted', event: restarted })
const loss = (name: string): AppNotice => ({ id: id(name), kind: 'storage-lost', event: noted })

describe('[I38] what the app must be told', () => {
  it('[TB25] is told with the time it happened, and confirmed when a listener has run', async () => {
    const connection = await connected()
    const heard: unknown[] = []
    connection.on('outboxRestarted', (event) => heard.push(event))
    connection.on('storageLost', (event) => heard.push(event))
    await page.hub.deliver({ notices: [restart('r1'), loss('l1'), restart('r2')] })
    expect(heard).toEqual([restarted, lost, restarted])
    await settled()
    expect(page.hub.said('heard')).toEqual([[id('r1'), id('l1'), id('r2')]])
  })

  it('[TB25] waits for the first listener of its event, and nothing is confirmed before', async () => {
    const connection = await connected()
    await page.hub.deliver({ notices: [restart('r1'), loss('l1')] })
    await settled()
    expect(page.hub.said('heard')).toEqual([])
    const heard: unknown[] = []
    const stop = connection.on('outboxRestarted', (event) => {
      heard.push(event)
      // Whoever is told has what it takes to stop.
      stop()
    })
    await settled()
    expect([heard, page.hub.said('heard')]).toEqual([[restarted], [[id('r1')]]])
    connection.on('outboxRestarted', (event) => heard.push(event))
    await settled()
    expect(heard).toHaveLength(1)
    connection.on('storageLost', (event) => heard.push(event))
    await settled()
    expect([heard, page.hub.said('heard')]).toEqual([
      [restarted, lost],
      [[id('r1')], [id('l1')]],
    ])
  })

  it('[TB25] a listener that is taken away at once hears nothing, and nothing is confirmed', async () => {
    const connection = await connected()
    await page.hub.deliver({ notices: [restart('r1')] })
    const heard: unknown[] = []
    connection.on('outboxRestarted', (event) => heard.push(event))()
    await settled()
    expect([heard, page.hub.said('heard')]).toEqual([[], []])
  })

  it('[TB25] [TB16] a listener that throws has run', async () => {
    const connection = await connected()
    connection.on('outboxRestarted', () => {
      throw new Error('broken')
    })
    await page.hub.deliver({ notices: [restart('r1')] })
    await settled()
    expect(page.hub.said('heard')).toEqual([[id('r1')]])
    expect(page.reported).toEqual([expect.objectContaining({ message: 'broken' })])
  })

  it('[TB26] is told once by a tab, whatever hub hands it over again, and confirmed again', async () => {
    const connection = await connected()
    const heard: unknown[] = []
    connection.on('outboxRestarted', (event) => heard.push(event))
    await page.hub.deliver({ notices: [restart('r1')] })
    await settled()
    await nextHub()
    await page.hub.deliver({ notices: [restart('r1'), restart('r2')] })
    await settled()
    expect(heard).toHaveLength(2)
    expect(page.hub.said('heard')).toEqual([[id('r1'), id('r2')]])
  })

  it('[TB26] is confirmed to the next hub when the first one did not answer', async () => {
    page.prepare = (hub) =>
      (hub.answers = { heard: () => (page.hubs.length < 2 ? new Promise(() => {}) : Promise.resolve({ ok: true, value: null })) })
    const connection = await connected()
    connection.on('outboxRestarted', () => {})
    await page.hub.deliver({ notices: [restart('r1')] })
    await settled()
    await nextHub()
    expect(page.hub.said('heard')).toEqual([[id('r1')]])
    await nextHub()
    expect(page.hub.said('heard')).toEqual([])
  })

  it('[TB26] is confirmed when it is handed over before the answer to attach is here', async () => {
    page.prepare = (hub) => {
      const answer = { bridge: 1, instance: hub.instance, lock: hub.lock }
      hub.answers = {
        async attach() {
          await hub.deliver({ notices: [restart('r1')] })
          return { ok: true, value: answer }
        },
      }
    }
    const connection = connectOn(page, open, { url: '/live' })
    connection.on('outboxRestarted', () => {})
    await until(() => page.hubs.length > 0 && page.hub.said('heard').length > 0)
    expect(page.hub.said('heard')).toEqual([[id('r1')]])
  })

  it('[TB25] nothing is told of a connection that has ended, and nothing confirmed', async () => {
    const connection = await connected()
    const heard: unknown[] = []
    await page.hub.deliver({ notices: [restart('r1')] })
    const { hub } = page
    void hub.deliver({ signedOut: true, notices: [loss('l1')] })
    await settled()
    for (const name of ['outboxRestarted', 'storageLost'] as const) connection.on(name, (event) => heard.push(event))
    await settled()
    expect([heard, hub.said('heard')]).toEqual([[], []])
  })

  it('[TB25] [I30] of what nobody listens for, as much is kept as a store keeps', async () => {
    const connection = await connected()
    for (let n = 1; n <= 40; n++) await page.hub.deliver({ notices: [restart(`r${n}`)] })
    const heard: number[] = []
    connection.on('outboxRestarted', ({ older }) => heard.push(older))
    await settled()
    expect(heard).toEqual([1 + 24 * 3, ...Array.from({ length: 15 }, () => 1)])
  })
})
