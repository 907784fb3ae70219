import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hubLockName, hubsChannelName } from '../bridge/lock-names.ts'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import type { ConnectOptions } from './options.ts'
import { settled, TestPage, until } from './test-page.ts'

const SCOPE = 'S'.repeat(22)
let page: TestPage
let open: Connections

beforeEach(() => {
  page = new TestPage()
  open = new Map()
  page.broken = () => true
})

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  expect(page.clock.pending).toBe(0)
  page.end()
})

function connect(options: Partial<ConnectOptions> = {}) {
  const connection = connectOn(page, open, { url: '/live', ...options })
  const errors: string[] = []
  connection.on('error', ({ code, message }) => errors.push(`${code}: ${message}`))
  return { connection, errors }
}

const status = ({ state }: Connection): unknown => {
  const { pending: _pending, durable: _durable, shared: _shared, ...rest } = state.current
  return rest
}

async function pass(delayMs: number): Promise<void> {
  page.clock.pass(delayMs)
  await settled()
}

describe('a hub whose script does not load', () => {
  it('[TB39] is a wait that says when it is tried again, then a refusal that names the address, and tries go on', async () => {
    const { connection, errors } = connect({ hubUrl: '/gone.js' })
    await until(() => connection.state.current.status === 'waiting')
    expect(status(connection)).toEqual({ status: 'waiting', reason: 'hub', attempt: 1, retryAtMs: 1_000 })
    await pass(1_000)
    expect(status(connection)).toEqual({ status: 'waiting', reason: 'hub', attempt: 2, retryAtMs: 3_000 })
    await pass(2_000)
    const refused = { status: 'refused', reason: 'hub', script: 'https://app.test/gone.js', crossOrigin: false }
    expect(status(connection)).toEqual(refused)
    expect(errors).toEqual([expect.stringMatching(/^hub-failed: .*https:\/\/app\.test\/gone\.js/)])
    for (const delayMs of [4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = page.urls.length
      await pass(delayMs - 1)
      expect(page.urls).toHaveLength(before)
      await pass(1)
      expect(page.urls.length).toBeGreaterThan(before)
      expect(status(connection)).toEqual(refused)
    }
    expect(errors).toHaveLength(1)
    page.broken = () => false
    await pass(30_000)
    await until(() => page.hub.said('attach').length === 1)
    expect(status(connection)).toEqual({ status: 'connecting' })
  })

  it('[TB39] is refused at once where it is of another origin, and the error says so', async () => {
    const { connection, errors } = connect({ hubUrl: 'https://cdn.test/hub.js' })
    await until(() => connection.state.current.status === 'refused')
    expect(status(connection)).toEqual({ status: 'refused', reason: 'hub', script: 'https://cdn.test/hub.js', crossOrigin: true })
    expect(errors).toEqual([expect.stringContaining('another origin than the page, https://app.test')])
  })

  it.each([
    ['retryNow', (connection: Connection) => connection.retryNow()],
    ['a page that is looked at', () => page.tell('visible')],
    ['a network that is there again', () => page.tell('online')],
    ['a page that runs again', () => (page.tell('suspended'), page.tell('resumed'))],
  ])('[TB39] is tried at once after %s', async (_, act) => {
    const { connection } = connect()
    await until(() => connection.state.current.status === 'waiting')
    page.broken = () => false
    act(connection)
    await until(() => page.hub.said('attach').length === 1)
    expect(status(connection)).toEqual({ status: 'connecting' })
  })

  it('[TB39] is no refusal while the browser has no network', async () => {
    page.online = false
    const { connection } = connect()
    await until(() => connection.state.current.status === 'waiting')
    for (const delayMs of [1_000, 2_000, 4_000]) await pass(delayMs)
    expect(status(connection)).toMatchObject({ status: 'waiting', reason: 'offline', attempt: 4 })
  })

  it('[TB39] names no address where the app starts the hub, and what it throws', async () => {
    const { connection, errors } = connect({
      hub: () => {
        throw new DOMException('Script at https://cdn.test/hub.js cannot be accessed', 'SecurityError')
      },
    })
    for (const delayMs of [1_000, 2_000, 4_000]) {
      await settled()
      await pass(delayMs)
    }
    expect(status(connection)).toEqual({ status: 'refused', reason: 'hub' })
    expect(errors[0]).toContain('https://cdn.test/hub.js cannot be accessed')
  })

  it('[TB39] names both options where the page does not know the address, as in a bundle that is no module', async () => {
    page.packagedHub = null
    const { connection, errors } = connect()
    await until(() => connection.state.current.status === 'waiting')
    expect(errors).toEqual([expect.stringMatching(/See options hub and hubUrl\.$/)])
  })

  it("[TB39] names the script of another build's hub that may not be started, and says whether it is of another origin", async () => {
    page.broken = () => false
    const { connection, errors } = connect()
    await until(() => page.hubs.length === 1 && page.hub.said('attach').length === 1)
    await settled()
    const next = { epoch: 5, instance: page.newId(), generation: 0, rung: 'shared', build: 'next', url: 'https://cdn.test/new.js' } as const
    void page.locks.request(hubLockName(SCOPE, next), () => new Promise(() => {}))
    page.startHub = () => {
      throw new DOMException('no worker from there', 'SecurityError')
    }
    page.kill()
    await until(() => connection.state.current.status === 'refused')
    expect(status(connection)).toEqual({ status: 'refused', reason: 'reload-needed', script: next.url, crossOrigin: true })
    expect(errors).toEqual([expect.stringContaining(`no worker from there). ${next.url} is of another origin`)])
  })

  it('[TB39] says what the hub said, when it ran and failed', async () => {
    page.broken = () => false
    page.prepare = (hub) => {
      hub.answers.attach = () => Promise.resolve({ ok: false, error: { code: 'hub-failed', message: 'TypeError: oops' } })
    }
    const { errors } = connect()
    await until(() => errors.length === 1)
    expect(errors).toEqual([expect.stringContaining('TypeError: oops')])
  })

  it("[TB39] asks for a reload when this page had a hub before, and follows another page's as soon as it is there", async () => {
    page.broken = () => false
    const { connection } = connect({ hubUrl: '/old.js' })
    await until(() => page.hubs.length === 1 && page.hub.said('attach').length === 1)
    await settled()
    page.broken = (name) => !name.endsWith(':next')
    page.kill()
    for (const delayMs of [1_000, 2_000, 4_000]) {
      await settled()
      await pass(delayMs)
    }
    expect(status(connection)).toMatchObject({ status: 'refused', reason: 'reload-needed', script: 'https://app.test/old.js' })
    const next = { epoch: 5, instance: page.newId(), generation: 0, rung: 'shared', build: 'next', url: 'https://app.test/new.js' } as const
    void page.locks.request(hubLockName(SCOPE, next), () => new Promise(() => {}))
    page.openBroadcast(hubsChannelName(SCOPE)).postMessage({ epoch: 5, instance: next.instance, sees: [] })
    await until(() => page.urls.at(-1) === next.url && page.hub.said('attach').length === 1)
    expect(status(connection)).toEqual({ status: 'connecting' })
  })
})

describe('a hub that loads and never answers', () => {
  it('[TB39] is refused after three without an answer, and tries go on', async () => {
    page.broken = () => false
    page.prepare = (hub) => (hub.isDead = true)
    const { connection, errors } = connect()
    await until(() => page.hubs.length === 1)
    for (const delayMs of [5_000, 10_000, 10_000]) {
      await settled()
      expect(connection.state.current.status).toBe('connecting')
      await pass(delayMs)
    }
    expect(status(connection)).toMatchObject({ status: 'refused', reason: 'hub' })
    expect(errors).toEqual([expect.stringContaining('The hub does not answer')])
  })

  it('[TB39] is no refusal while the browser has no network', async () => {
    page.broken = () => false
    page.online = false
    page.prepare = (hub) => (hub.isDead = true)
    const { connection } = connect()
    const states: unknown[] = []
    connection.state.subscribe(() => states.push(status(connection)))
    await until(() => page.hubs.length === 1)
    for (const delayMs of [5_000, 10_000, 10_000]) {
      await settled()
      await pass(delayMs)
    }
    // The third silence, and the worker of this tab, which is tried then and cannot be had.
    expect(states).toEqual([
      { status: 'waiting', reason: 'offline', attempt: 3, retryAtMs: 25_000 },
      { status: 'waiting', reason: 'offline', attempt: 1, retryAtMs: 26_000 },
    ])
  })
})

describe('a connection that is closed after a start has failed', () => {
  it('[TB8] leaves no timer behind, though the scope takes time to reckon', async () => {
    page.hash = () => settled().then(() => SCOPE)
    const { connection } = connect()
    await until(() => connection.state.current.status === 'waiting')
    connection.close()
    for (let turn = 0; turn < 5; turn++) await settled()
    expect(page.clock.pending).toBe(0)
  })

  it('[TB8] leaves no timer behind in a page that froze as it failed', async () => {
    const { connection } = connect()
    connection.state.subscribe(() => queueMicrotask(() => page.tell('frozen')))
    await until(() => connection.state.current.status === 'waiting')
    await settled()
    connection.close()
    await settled()
    expect(page.clock.pending).toBe(0)
  })
})
