import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import type { ConnectionEvents } from './connection-events.ts'
import type { ConnectOptions } from './options.ts'
import type { Platform } from './platform.ts'
import { settled, TestPage, until } from './test-page.ts'

let page: TestPage
let open: Connections
const answer = { ok: true, value: { discarded: 2, serverTold: true } } as const
const facts = { pending: 0, durable: true, shared: true } as const

beforeEach(() => {
  page = new TestPage()
  open = new Map()
})

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  page.end()
})

async function connected(options: Partial<ConnectOptions> = {}): Promise<Connection> {
  const connection = connectOn(page, open, { url: '/live', ...options })
  await until(() => page.hubs.length > 0 && page.hub.calls.length > 0)
  await settled()
  return connection
}

/** What `signedOut` listeners hear. */
function listen(connection: Connection): ConnectionEvents['signedOut'][] {
  const heard: ConnectionEvents['signedOut'][] = []
  connection.on('signedOut', (event) => heard.push(event))
  return heard
}

describe('signOut', () => {
  it('[SO4] [SO5] gives what the hub says, closes, and tells this tab', async () => {
    page.prepare = (hub) => (hub.answers = { signOut: () => Promise.resolve(answer) })
    const connection = await connected()
    const heard = listen(connection)
    expect(await connection.signOut({ park: true })).toEqual(answer.value)
    expect(page.hub.said('signOut')).toEqual([true])
    expect(connection.state.current.status).toBe('closed')
    expect(heard).toEqual([{ here: true }])
    // The next sign-in begins anew.
    expect(connectOn(page, open, { url: '/live' })).not.toBe(connection)
  })

  it('[SO2] hands over first what was sent before, and what is sent later is refused', async () => {
    page.prepare = (hub) => (hub.answers = { signOut: () => Promise.resolve(answer) })
    const connection = await connected()
    // More than goes to the hub in one call.
    const sent = Array.from({ length: 1_500 }, (_, n) => connection.channel('news').send(n))
    const [before = connection.channel('news').send('before')] = sent
    await connection.signOut()
    expect(page.hub.calls.map(([name]) => name).filter((name) => name === 'send' || name === 'signOut')).toEqual([
      'send',
      'send',
      'signOut',
    ])
    expect(page.hub.taken).toHaveLength(1_500)
    await before.queued
    await expect(before.applied).rejects.toMatchObject({ code: 'closed' })
    await expect(connection.channel('news').send('after').queued).rejects.toMatchObject({ code: 'closed' })
  })

  it('[SO2] [TB23] hands over first what was sent before the hub could tell what its store had taken', async () => {
    page.prepare = (hub) => {
      hub.mark = null
      hub.answers = { signOut: () => Promise.resolve(answer) }
    }
    const connection = await connected()
    const sent = connection.channel('news').send('before')
    const leaving = connection.signOut()
    await settled()
    expect(page.hub.calls.map(([name]) => name)).toEqual(['attach'])
    await page.hub.deliver({ taken: { memory: 'M'.repeat(22), taken: 0 } })
    await leaving
    expect(page.hub.calls.map(([name]) => name).slice(0, 3)).toEqual(['attach', 'send', 'signOut'])
    await sent.queued
  })

  it('[SO4] in another tab closes this one, empties its outbox view and ends its subscriptions', async () => {
    const connection = await connected()
    const heard = listen(connection)
    const messages: unknown[] = []
    connection.channel('news').subscribe({ message: ({ data }) => void messages.push(data) })
    connection.outbox.subscribe(() => {})
    await settled()
    await page.hub.deliver({
      state: { status: 'connected', ...facts },
      signOuts: 4,
      outbox: { pendingCount: 1, parkedCount: 0, pending: [], parked: [] },
    })
    void page.hub.deliver({ signedOut: true })
    await until(() => heard.length > 0)
    expect(heard).toEqual([{ here: false }])
    expect(connection.state.current.status).toBe('closed')
    expect(connection.outbox.current.pendingCount).toBe(0)
    expect(open.size).toBe(0)
    await expect(connection.signOut()).rejects.toMatchObject({ code: 'closed' })
    expect(heard).toHaveLength(1)
  })

  it('[SO4] states to the next hub which sign-outs it was told of, and nothing before it was told', async () => {
    await connected()
    expect(page.hub.attached.signOuts).toBeUndefined()
    await page.hub.deliver({ state: { status: 'connected', ...facts }, signOuts: 0 })
    page.tell('suspended')
    page.tell('resumed')
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length > 0)
    expect(page.hub.attached.signOuts).toBe(0)
  })

  it('[SO7] is asked again of the next hub when the first dies over it', async () => {
    page.prepare = (hub) => (hub.answers = { signOut: () => (page.hubs.length > 1 ? Promise.resolve(answer) : new Promise(() => {})) })
    const connection = await connected()
    const leaving = connection.signOut()
    await until(() => page.hub.said('signOut').length === 1)
    page.kill()
    expect(await leaving).toEqual(answer.value)
    expect(page.hubs).toHaveLength(2)
  })

  it.each([
    ['storage-failed', 'closed', 1],
    ['hub-timeout', 'connecting', 0],
  ] as const)('[SO7] rejects with %s, and the connection is %s then', async (code, status, told) => {
    page.prepare = (hub) => (hub.answers = { signOut: () => Promise.resolve({ ok: false, error: { code, message: '' } }) })
    const connection = await connected()
    const heard = listen(connection)
    await expect(connection.signOut()).rejects.toMatchObject({ code })
    expect(connection.state.current.status).toBe(status)
    expect(heard).toHaveLength(told)
  })
})

describe('storage', () => {
  const storageOf = (persisted: boolean, asked: string[]): Platform['storage'] => ({
    estimate: () => Promise.resolve({ usage: 5, quota: 100 }),
    persisted: () => Promise.resolve(persisted),
    persist: () => {
      asked.push('persist')
      return Promise.resolve(false)
    },
  })

  it.each([
    [true, false, 1],
    [true, true, 0],
    [undefined, false, 0],
    [false, false, 0],
  ])('[SO10] with persist %s, and storage that is persisted %s, the browser is asked %i times', async (persist, persisted, times) => {
    const asked: string[] = []
    page.storage = storageOf(persisted, asked)
    const connection = await connected(persist === undefined ? {} : { persist })
    connectOn(page, open, { url: '/live', ...(persist === undefined ? {} : { persist }) }).close()
    await settled()
    expect(asked).toHaveLength(times)
    expect(await connection.storage()).toEqual({ usage: 5, quota: 100, persisted })
  })

  it('[SO10] says what the browser does not say, and tells when it fails', async () => {
    const connection = await connected()
    expect(await connection.storage()).toEqual({ usage: null, quota: null, persisted: false })
    const fails = (): Promise<never> => Promise.reject(new TypeError('no'))
    page.storage = { estimate: fails, persisted: fails, persist: fails }
    await expect(connection.storage()).rejects.toMatchObject({ code: 'storage-failed' })
    const errors: string[] = []
    const other = await connected({ user: 'bob', persist: true })
    other.on('error', ({ code }) => errors.push(code))
    await settled()
    expect([...errors, ...page.reported.map((error) => (error as { code: string }).code)]).toEqual(['storage-failed'])
  })
})
