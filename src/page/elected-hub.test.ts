import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hubLockName } from '../bridge/lock-names.ts'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import type { ConnectOptions } from './options.ts'
import { TestBrowser, type TestWorker } from './test-browser.ts'
import { settled, TestClock, until, type TestPage } from './test-page.ts'

const NAME = `holdfast:${'S'.repeat(22)}`
const unhandled: unknown[] = []
const onUnhandled = (error: unknown): void => void unhandled.push(error)
let browser: TestBrowser
let connections: Connection[] = []

beforeEach(() => {
  browser = new TestBrowser()
  connections = []
  unhandled.length = 0
  process.on('unhandledRejection', onUnhandled)
})

afterEach(async () => {
  for (const connection of connections) connection.close()
  await settled()
  expect(browser.alive).toEqual([])
  expect((await browser.locks.query()).held?.filter(({ name }) => name?.endsWith(':leader'))).toEqual([])
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

/** Opens a tab; `errors` are the codes it was told. */
async function openTab(page: TestPage = browser.page(), options: Partial<ConnectOptions> = {}) {
  const known: Connections = new Map()
  const connection = connectOn(page, known, { url: '/live', ...options })
  connections.push(connection)
  const errors: string[] = []
  connection.on('error', ({ code }) => errors.push(code))
  await settled()
  return { page, connection, errors }
}

/** A page for which no time passes: it is frozen as soon as it has done what is already on its way. */
function frozenPage(): TestPage {
  return Object.assign(browser.page(), { clock: new TestClock() })
}

function onlyWorker(): TestWorker {
  const [worker, ...others] = browser.alive
  if (!worker || others.length > 0) throw new Error(`${browser.alive.length} workers`)
  return worker
}

describe('a hub in a worker of one tab', () => {
  it('[EL1] [EL4] runs in one of the tabs and serves them all, where there is no SharedWorker', async () => {
    const tabs = [await openTab(), await openTab(), await openTab()]
    expect(browser.workers).toHaveLength(1)
    expect(onlyWorker().page).toBe(tabs[0]?.page)
    expect(onlyWorker().name).toBe(`${NAME}:0`)
    expect(onlyWorker().attached).toHaveLength(3)
    expect(tabs.map(({ page }) => page.names)).toEqual([[], [], []])
    for (const { connection } of tabs) expect(connection.state.current).toMatchObject({ status: 'connecting', shared: null })
  })

  it('[EL1] is wanted with shared: false, though there is a SharedWorker', async () => {
    const page = Object.assign(browser.page(), { hasSharedWorker: true })
    await openTab(page, { shared: false })
    expect(page.names).toEqual([])
    expect(onlyWorker().attached).toHaveLength(1)
  })

  it('[EL4] is started by another tab when its own closes, and is handed what nobody answered for', async () => {
    const first = await openTab()
    const second = await openTab()
    onlyWorker().isFrozen = true
    const sent = second.connection.channel('a').send('on its way')
    await settled()
    first.connection.close()
    await sent.queued
    expect(onlyWorker().page).toBe(second.page)
    expect(onlyWorker().name).toBe(`${NAME}:0`)
    expect(onlyWorker().taken).toEqual(['"on its way"'])
  })

  it('[EL4] is started by exactly one of many tabs', async () => {
    const first = await openTab()
    for (let n = 0; n < 10; n++) await openTab()
    first.connection.close()
    await until(() => browser.alive[0]?.attached.length === 10)
    expect(browser.workers).toHaveLength(2)
  })

  it('[EL4] [EL5] a tab that a hub has heard, and that has no answer when it ends, is served by the next one without waiting', async () => {
    const first = await openTab()
    onlyWorker().isEnding = true
    const others = [await openTab(), await openTab()]
    first.connection.close()
    await until(() => browser.alive[0]?.attached.length === 2)
    expect(browser.workers).toHaveLength(2)
    expect(onlyWorker()).toMatchObject({ name: `${NAME}:0`, page: others[0]?.page })
  })

  it('[EL4] a tab that is attached stands for no election', async () => {
    await openTab()
    await openTab()
    const { held } = await browser.locks.query()
    expect(held?.filter(({ name }) => name === `${NAME}:0:leader`)).toHaveLength(1)
    let isFree = false
    void browser.locks.request(`${NAME}:0:leader`, () => void (isFree = true))
    connections[0]?.close()
    await settled()
    // The first in the queue is whoever asked now, not the second tab.
    expect(isFree).toBe(true)
  })

  it('[EL6] ends before its page stands still, which then is not elected again until it runs', async () => {
    const first = await openTab()
    const second = await openTab()
    first.page.tell('suspended')
    await until(() => browser.alive[0]?.page === second.page)
    second.connection.close()
    await settled()
    expect(browser.alive).toEqual([])
    first.page.tell('resumed')
    await until(() => browser.alive[0]?.attached.length === 1)
    expect(onlyWorker().page).toBe(first.page)
  })

  it('[EL6] a tab that is suspended while it waits for a hub is not elected either', async () => {
    const first = await openTab()
    onlyWorker().isFrozen = true
    const second = await openTab()
    second.page.tell('suspended')
    first.connection.close()
    await settled()
    expect(browser.alive).toEqual([])
    second.page.tell('resumed')
    await until(() => browser.alive[0]?.page === second.page)
  })

  it('[EL6] [HU16] a tab whose lock was taken away while it stood still attaches with another one when it goes on', async () => {
    const { page } = await openTab()
    const [first = ''] = onlyWorker().attached.map(({ lock }) => lock)
    page.tell('suspended')
    await settled()
    browser.locks.take(first)
    await settled()
    page.tell('resumed')
    await until(() => browser.alive[0]?.attached.length === 1)
    const { held = [] } = await browser.locks.query()
    expect(held.map(({ name }) => name)).toContain(onlyWorker().attached[0]?.lock)
  })

  it('[EL6] a suspended tab that is closed leaves nothing behind', async () => {
    const { page, connection } = await openTab()
    page.tell('suspended')
    await settled()
    connection.close()
    await settled()
    expect((await browser.locks.query()).held).toEqual([])
  })

  it('[EL7] a tab that is seen notices within four seconds that the page with the hub is frozen, and takes its place', async () => {
    const first = await openTab(frozenPage())
    const second = await openTab()
    onlyWorker().isFrozen = true
    browser.clock.pass(2_000)
    await settled()
    browser.clock.pass(2_000)
    await until(() => browser.alive.length === 2)
    const [, next] = browser.alive
    expect([next?.page, next?.name]).toEqual([second.page, `${NAME}:1`])
    await settled()
    // The frozen page runs again: it joins the others, and its own hub ends.
    first.page.tell('resumed')
    await until(() => browser.alive.length === 1 && next?.attached.length === 2)
  })

  it('[EL7] a tab that is hidden asks nothing by itself, but at once when it is seen', async () => {
    await openTab(frozenPage())
    const second = await openTab()
    second.page.visible = false
    onlyWorker().isFrozen = true
    for (let n = 0; n < 10; n++) {
      browser.clock.pass(2_000)
      await settled()
    }
    expect(browser.workers).toHaveLength(1)
    second.page.visible = true
    second.page.tell('visible')
    await settled()
    browser.clock.pass(2_000)
    await until(() => browser.alive.length === 2)
  })

  it('[EL7] the tab whose own hub hangs notices it within four seconds, hidden or not, ends it and starts it anew under the same name', async () => {
    const { page } = await openTab()
    page.visible = false
    const [hanging] = browser.workers
    if (!hanging) throw new Error('no worker')
    hanging.isFrozen = true
    browser.clock.pass(2_000)
    await settled()
    browser.clock.pass(2_000)
    await until(() => browser.alive.length === 1 && browser.workers.length === 2)
    expect(hanging.isAlive).toBe(false)
    expect(onlyWorker().name).toBe(`${NAME}:0`)
  })

  it('[EL9] a tab that got fewer batches than it was handed attaches again, once; one that got all of them stays', async () => {
    await openTab()
    await openTab()
    const worker = onlyWorker()
    const wait = async (): Promise<void> => {
      browser.clock.pass(2_000)
      await settled()
    }
    worker.hand[1]?.(true)
    await wait()
    expect(worker.attached).toHaveLength(2)
    worker.hand[1]?.(false)
    await wait()
    await until(() => worker.attached.length === 3)
    expect(worker.attached[2]?.tab).toBe(worker.attached[1]?.tab)
    await wait()
    await wait()
    expect(worker.attached).toHaveLength(3)
  })

  it('[EL4] a hub that cannot be started is told, and another try is made after a pause', async () => {
    const page = Object.assign(browser.page(), { broken: (): boolean => true })
    const { errors } = await openTab(page)
    expect(errors).toEqual(['hub-failed'])
    page.broken = () => false
    browser.clock.pass(5_000)
    await until(() => browser.alive[0]?.attached.length === 1)
  })

  it('[EL4] one that the page may not start is told with the reason', async () => {
    const page = Object.assign(browser.page(), {
      startWorker: () => {
        throw new TypeError('blocked by policy')
      },
    })
    const known: Connections = new Map()
    const connection = connectOn(page, known, { url: '/live' })
    connections.push(connection)
    const causes: unknown[] = []
    connection.on('error', ({ cause }) => causes.push(cause))
    await until(() => causes.length === 1)
    expect(String(causes[0])).toContain('blocked by policy')
  })
})

describe('hubs of two builds in tabs', () => {
  /** Plays a hub that lets go, or one whose lock a newer one took. */
  async function letGo(worker: TestWorker | undefined): Promise<void> {
    const { held = [] } = await browser.locks.query()
    for (const { name = '' } of held) if (name.includes(':hub:') && name.endsWith(`:${worker?.url ?? ''}`)) browser.locks.take(name)
    await settled()
  }

  it('[DS3] [DS4] [TB9] a page that was just loaded starts its own beside the older one, and all tabs follow when that one lets go', async () => {
    const [first, second] = [await openTab(), await openTab()]
    const old = onlyWorker()
    const loaded = await openTab(browser.page(), { build: 'b2', hubUrl: '/next.js' })
    expect(browser.alive.map(({ name }) => name)).toEqual([`${NAME}:0`, `${NAME}:0:b2`])
    await letGo(old)
    await until(() => browser.alive.length === 1 && onlyWorker().attached.length === 3)
    expect(onlyWorker()).toMatchObject({ name: `${NAME}:0:b2`, url: 'https://app.test/next.js', page: loaded.page })
    expect(onlyWorker().attached.map(({ returning }) => returning)).toEqual([undefined, true, true])
    // A tab of the older build goes on with the newer one's script when that one's tab is closed.
    // Without a pause, though two hubs have gone within five seconds: the first let go, and has not died.
    loaded.connection.close()
    await until(() => browser.alive.length === 1 && onlyWorker().attached.length === 2)
    expect(onlyWorker()).toMatchObject({ name: `${NAME}:0:b2`, url: 'https://app.test/next.js' })
    expect([...first.errors, ...second.errors]).toEqual([])
  })

  it('[DS3] a page whose script has another address starts it under the next name, the second one joins it', async () => {
    await openTab(browser.page(), { hubUrl: '/old.js' })
    const old = onlyWorker()
    await openTab(browser.page(), { hubUrl: '/old.js' })
    expect(old.attached).toHaveLength(2)
    await openTab(browser.page(), { hubUrl: '/next.js' })
    await openTab(browser.page(), { hubUrl: '/next.js' })
    expect(browser.alive.map(({ name, attached }) => [name, attached.length])).toEqual([
      [`${NAME}:0`, 2],
      [`${NAME}:1`, 2],
    ])
    await letGo(old)
    await until(() => browser.alive.length === 1 && onlyWorker().attached.length === 4)
  })

  it('[DS4] [EL2] takes its own script when that of the newer hub does not load, and stays on its rung', async () => {
    const first = await openTab()
    const old = onlyWorker()
    const loaded = await openTab(browser.page(), { build: 'b2', hubUrl: '/next.js' })
    first.page.broken = (name) => name.endsWith(':b2')
    await letGo(old)
    await until(() => browser.alive.length === 1 && onlyWorker().attached.length === 2)
    loaded.connection.close()
    await settled()
    browser.clock.pass(2_000)
    await until(() => first.errors.length > 0)
    browser.clock.pass(5_000)
    await until(() => browser.alive.length === 1)
    expect(onlyWorker()).toMatchObject({ name: `${NAME}:0`, page: first.page })
    expect(first.errors).toEqual(['hub-failed'])
  })

  it('[DS4] [EL2] a newer SharedWorker whose script is gone says nothing against SharedWorkers', async () => {
    const page = Object.assign(browser.page(), { hasSharedWorker: true })
    const { errors } = await openTab(page)
    const newer = { epoch: 5, instance: page.newId(), generation: 0, rung: 'shared', build: 'b2', url: '/gone.js' } as const
    void browser.locks.request(hubLockName('S'.repeat(22), newer), () => new Promise(() => {}))
    page.broken = (name) => name.endsWith(':b2')
    page.kill()
    await until(() => errors.length > 0)
    browser.clock.pass(5_000)
    await until(() => page.names.length === 3)
    expect(page.names).toEqual([`${NAME}:0`, `${NAME}:0:b2`, `${NAME}:0`])
    expect(browser.workers).toEqual([])
    page.end()
  })
})
