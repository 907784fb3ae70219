import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isHeld } from '../bridge/liveness.ts'
import { PrivateLocks } from '../bridge/private-locks.ts'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import { TestBrowser } from './test-browser.ts'
import { settled, TestPage, until } from './test-page.ts'

const NAME = `holdfast:${'S'.repeat(22)}`
const lockNames = async (locks: PrivateLocks): Promise<string[]> => ((await locks.query()).held ?? []).map(({ name = '' }) => name)

describe('a page and a SharedWorker in two lock tables', () => {
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

  async function connected(): Promise<{ readonly connection: Connection; readonly states: string[] }> {
    const connection = connectOn(page, open, { url: '/live' })
    const states: string[] = []
    connection.state.subscribe(() => states.push(connection.state.current.status))
    await until(() => page.hubs.length > 0 && page.hub.said('attach').length > 0)
    await settled()
    return { connection, states }
  }

  /** The hub that was started last is attached to and says that it is connected. */
  async function isServed(): Promise<void> {
    await until(() => page.hub.said('attach').length > 0)
    await settled()
    void page.hub.deliver({ state: { status: 'connected', pending: 0, durable: true, shared: true } })
    await settled()
  }

  it('[TB31] a page from before moves to the table of pages that load now, where it finds its hub', async () => {
    const { connection, states } = await connected()
    await isServed()
    const [before, cleared] = [page.locks, new PrivateLocks()]
    page.newestLocks = () => cleared
    page.kill()
    await until(() => page.locks === cleared)
    await isServed()
    expect(await isHeld(cleared, page.hub.attached.lock)).toBe(true)
    expect(page.hub.attached.apart).toBeUndefined()
    expect((await lockNames(before)).filter((name) => name.includes(':tab:'))).toEqual([])
    expect(states).toEqual(['connected', 'connecting', 'connected'])
    // The hub's end is known by its lock again.
    const hubs = page.hubs.length
    page.kill()
    await until(() => page.hubs.length === hubs + 1)
    expect(connection.state.current.status).toBe('connecting')
  })

  it('[TB31] a page whose locks went with its frame attaches again under another one', async () => {
    await connected()
    await isServed()
    const { lock } = page.hub.attached
    page.locks = new PrivateLocks()
    page.newestLocks = () => page.locks
    page.tell('resumed')
    await until(() => page.hubs.some((hub) => hub.said('attach').length > 0 && hub.attached.lock !== lock))
    expect(await isHeld(page.locks, page.hub.attached.lock)).toBe(true)
  })

  it('[TB31] a page that loads later leaves the hub from before for another name, and shows nothing of it', async () => {
    const cleared = new PrivateLocks()
    page.newestLocks = () => page.locks
    page.locksOf = (name) => (name === `${NAME}:0` ? cleared : page.locks)
    const { states } = await connected()
    await until(() => page.hubs.length === 2)
    await isServed()
    expect(page.names).toEqual([`${NAME}:0`, `${NAME}:1`])
    expect(await isHeld(page.locks, page.hub.attached.lock)).toBe(true)
    expect(page.hubs[0]?.said('ping')).toEqual([])
    expect(states).toEqual(['connected'])
    page.clock.pass(60_000)
    await settled()
    expect(page.hub.said('ping')).toEqual([])
    page.kill()
    await until(() => page.hubs.length === 3)
  })

  it('[TB32] where no hub ever sees its lock it lives by the port, asks whether seen or not, and its state stands still', async () => {
    const elsewhere = new PrivateLocks()
    page.newestLocks = () => page.locks
    page.locksOf = () => elsewhere
    const { states } = await connected()
    await until(() => page.hubs.length === 2)
    await isServed()
    expect(page.hub.attached.apart).toBe(true)
    page.visible = false
    for (let pings = 1; pings <= 30; pings++) {
      page.clock.pass(2_000)
      await settled()
      expect(page.hub.said('ping')).toHaveLength(pings)
    }
    expect(page.hubs).toHaveLength(2)
    expect(states).toEqual(['connected'])
  })

  it('[TB32] a page that its hub has given up attaches again', async () => {
    const elsewhere = new PrivateLocks()
    page.newestLocks = () => page.locks
    page.locksOf = () => elsewhere
    await connected()
    await until(() => page.hubs.length === 2)
    await isServed()
    page.hub.answers.ping = () => Promise.resolve({ ok: false, error: { code: 'closed', message: 'attach first' } })
    page.clock.pass(2_000)
    await until(() => page.hubs.length === 3)
  })
})

describe('tabs and hubs in tabs, in two lock tables', () => {
  let browser: TestBrowser
  let connections: Connection[]

  beforeEach(() => {
    browser = new TestBrowser()
    connections = []
  })

  afterEach(async () => {
    for (const connection of connections) connection.close()
    await settled()
    expect(browser.alive).toEqual([])
  })

  async function openTab(): Promise<TestPage> {
    const page = browser.page()
    connections.push(connectOn(page, new Map(), { url: '/live' }))
    await settled()
    return page
  }

  it('[TB31] a page from before that is elected moves, and runs its worker where later pages see both', async () => {
    browser.cleared = new PrivateLocks()
    const old = Object.assign(browser.page(), { locks: browser.locks })
    connections.push(connectOn(old, new Map(), { url: '/live' }))
    await until(() => browser.alive[0]?.attached.length === 1)
    expect(browser.workers).toHaveLength(2)
    expect(old.locks).toBe(browser.cleared)
    expect(await lockNames(browser.locks)).toEqual([])
    const later = await openTab()
    expect(browser.alive).toHaveLength(1)
    expect(browser.alive[0]).toMatchObject({ page: old, name: `${NAME}:0` })
    expect(browser.alive[0]?.attached).toHaveLength(2)
    expect(later.locks).toBe(browser.cleared)
  })

  it('[TB31] a page that loads later runs a hub of its own under another name, and the tabs from before come to it', async () => {
    await openTab()
    const [before] = browser.alive
    browser.cleared = new PrivateLocks()
    const later = await openTab()
    await until(() => browser.alive.some(({ name, attached }) => name === `${NAME}:1` && attached.length === 1))
    const now = browser.alive.find(({ name }) => name === `${NAME}:1`)
    expect(now?.page).toBe(later)
    // As DS10 has it: the hub from before ends.
    if (before) before.isFrozen = true
    browser.clock.pass(2_000)
    await settled()
    browser.clock.pass(2_000)
    await until(() => now?.attached.length === 2)
    expect(browser.alive).toHaveLength(1)
  })
})
