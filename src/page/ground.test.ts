import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PrivateLocks } from '../bridge/private-locks.ts'
import type { Locks } from '../bridge/liveness.ts'
import type { LocalHubs } from '../bridge/local-hubs.ts'
import type { BridgePort } from '../bridge/bridge-port.ts'
import { connectOn, type Connections } from './connect.ts'
import { settled, TestHub, TestPage, until } from './test-page.ts'

/** What a browser does in a frame without an origin, or where the user blocks all site data. */
const denied = (name: string): Locks => ({
  request: () => Promise.reject(new DOMException('denied', name)),
  query: () => Promise.reject(new DOMException('denied', name)),
})

let page: TestPage
let open: Connections
const local: TestHub[] = []
const ended: string[] = []

beforeEach(() => {
  page = new TestPage()
  open = new Map()
  local.length = ended.length = 0
})

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  expect(page.clock.pending).toBe(0)
  for (const hub of local) hub.close()
})

/** Hubs in the page, as far as a tab can tell. */
function localHubs(): LocalHubs {
  const locks = new PrivateLocks()
  return {
    locks,
    start(name) {
      const connect = (port: BridgePort): void =>
        void local.push(new TestHub(port as MessagePort, name, '', `own${page.newId().slice(3)}`, locks, page.clock))
      return { connect, end: () => void ended.push(name) }
    },
  }
}

describe('where the browser refuses its locks', () => {
  it.each([
    ['SecurityError', denied('SecurityError')],
    ['none there', undefined],
  ])('[TB40] the hub runs in the page, and ends with the connection: %s', async (_, locks) => {
    Object.assign(page, { locks, loadLocalHubs: () => Promise.resolve(localHubs()) })
    const connection = connectOn(page, open, { url: '/live' })
    const errors: unknown[] = []
    connection.on('error', (error) => errors.push(error))
    await until(() => local.length === 1 && local[0]?.said('attach').length === 1)
    await connection.channel('a').send(1).queued
    expect(page.names).toEqual([])
    expect(errors).toEqual([])
    expect(ended).toEqual([])
    connection.close()
    await settled()
    expect(ended).toHaveLength(1)
  })

  it('[TB40] goes on with the same hub when the page comes back', async () => {
    Object.assign(page, { locks: denied('SecurityError'), loadLocalHubs: () => Promise.resolve(localHubs()) })
    connectOn(page, open, { url: '/live' })
    await until(() => local.length === 1 && local[0]?.said('attach').length === 1)
    await settled()
    page.tell('suspended')
    page.tell('resumed')
    await until(() => local.length === 2 && local[1]?.said('attach').length === 1)
    expect(ended).toEqual([])
  })

  it('[TB40] a refusal that passes is no reason to be alone', async () => {
    const { locks } = page
    Object.assign(page, { locks: denied('InvalidStateError') })
    const connection = connectOn(page, open, { url: '/live' })
    await until(() => connection.state.current.status === 'waiting')
    Object.assign(page, { locks })
    page.clock.pass(1_000)
    await until(() => page.hubs.length === 1 && page.hub.said('attach').length === 1)
    expect(local).toEqual([])
    page.end()
  })

  it('[TB40] [TB39] is told when the hub for that does not load, and tried again', async () => {
    let isThere = false
    const load = (): Promise<LocalHubs> => (isThere ? Promise.resolve(localHubs()) : Promise.reject(new TypeError('chunk gone')))
    Object.assign(page, { locks: denied('SecurityError'), loadLocalHubs: load })
    const connection = connectOn(page, open, { url: '/live' })
    const errors: string[] = []
    connection.on('error', ({ message }) => errors.push(message))
    await until(() => connection.state.current.status === 'waiting')
    expect(errors).toEqual([expect.stringContaining('chunk gone')])
    isThere = true
    connection.retryNow()
    await until(() => local.length === 1 && local[0]?.said('attach').length === 1)
  })
})
