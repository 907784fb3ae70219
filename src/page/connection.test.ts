import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { HubApi, Result, SendAnswer } from '../bridge/contract.ts'
import type { TakenCount } from '../core/ports.ts'
import type { ChannelHandlers } from './channel-feed.ts'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import type { ConnectOptions } from './options.ts'
import { settled, type TestHub, TestPage, until } from './test-page.ts'

const ID = 'AAAAAAAAAAAAAAAAAAAAAA'
let page: TestPage
let open: Connections
const unhandled: unknown[] = []
const onUnhandled = (error: unknown): void => void unhandled.push(error)

beforeEach(() => {
  page = new TestPage()
  open = new Map()
  unhandled.length = 0
  process.on('unhandledRejection', onUnhandled)
})

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  page.end()
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

const connect = (options: Partial<ConnectOptions> = {}): Connection => connectOn(page, open, { url: '/live', ...options })

async function connected(options: Partial<ConnectOptions> = {}): Promise<Connection> {
  const connection = connect(options)
  await until(() => page.hubs.length > 0 && page.hub.calls.length > 0)
  await settled()
  return connection
}

const never = new Promise<never>(() => {})
const published = (offset: number, data: unknown = offset) => ({ offset, id: ID, data })
const cursor = (offset: number) => ({ epoch: ID, offset, id: offset === 0 ? '' : ID })
const json = (...messages: unknown[]): string => JSON.stringify(messages)
/** What each `send` to a hub said of what had been heard before the first time, and whether this was another one. */
const offers = (hub: TestHub): unknown[] =>
  hub.calls.flatMap(([name, , since, isAgain]) => (name === 'send' ? [[(since as TakenCount).taken, isAgain]] : []))

describe('connect', () => {
  it('[TB8] takes its lock before it attaches, and tells who it is', async () => {
    await connected({ user: 'ann' })
    const request = page.hub.attached
    const { held } = await page.locks.query()
    expect(held?.map(({ name }) => name)).toContain(request.lock)
    expect(request.lock).toBe(`holdfast:${'S'.repeat(22)}:tab:${request.tab}`)
    expect(request.settings).toMatchObject({ url: 'wss://app.test/live', user: 'ann', hiddenDelayMs: 1_000 })
    expect(page.names).toEqual([`holdfast:${'S'.repeat(22)}:0`])
  })

  it('[TB8] [TB37] shares one connection for one scope, which closes with its last holder, however often the others close', async () => {
    const first = await connected()
    const second = connect()
    expect([second.state, second.outbox, second.channel('a')]).toEqual([first.state, first.outbox, first.channel('a')])
    expect(second.state).toBe(first.state)
    first.close()
    first.close()
    expect(first.state.current.status).toBe('connecting')
    expect(page.watches[0]?.aborted).toBe(false)
    second.close()
    expect(first.state.current.status).toBe('closed')
    expect(page.watches[0]?.aborted).toBe(true)
    second.close()
    await until(() => page.hub.said('detach').length === 1)
    await until(() => open.size === 0)
    const { held } = await page.locks.query()
    expect(held?.filter(({ name }) => name?.includes(':tab:'))).toEqual([])
    expect(connect().state).not.toBe(first.state)
  })

  it('[TB37] asks the newest of those that hold the connection for a credential, and nobody who has closed', async () => {
    const first = await connected({ token: () => 'first' })
    const second = connect({ token: () => 'second' })
    const without = connect()
    const asked = async (): Promise<unknown> => page.hub.tab?.credential()
    expect(await asked()).toEqual({ ok: true, value: 'second' })
    second.close()
    expect(await asked()).toEqual({ ok: true, value: 'first' })
    connect({ token: () => 'third' })
    first.close()
    without.close()
    expect(await asked()).toEqual({ ok: true, value: 'third' })
  })

  it('[TB37] says that it has no token, and not that nobody needs one, when the last that gave one closed under a question', async () => {
    const first = await connected({ token: () => 'first' })
    const errors: unknown[] = []
    const without = connect()
    without.on('error', (error) => errors.push(error))
    first.close()
    expect(await page.hub.tab?.credential()).toMatchObject({ ok: false, error: { code: 'unauthenticated' } })
    expect(errors).toEqual([])
  })

  it('[TB37] tells the hub when a tab can be asked, or wants its lines, and when that has an end', async () => {
    await connected()
    expect(page.hub.attached.canAuthenticate).toBe(false)
    const lines: unknown[] = []
    const second = connect({ token: () => 'second', log: (line) => lines.push(line) })
    await settled()
    expect(page.hub.said('signal')).toEqual(['has-token', 'wants-log'])
    await page.hub.deliver({ log: [{ level: 'info', event: 'heard' }] })
    second.close()
    await settled()
    expect(page.hub.said('signal').slice(2)).toEqual(['no-token', 'no-log'])
    await page.hub.deliver({ log: [{ level: 'info', event: 'late' }] })
    expect(lines).toEqual([{ level: 'info', event: 'heard' }])
  })

  it('[TB8] leaves no timer, lock or listener behind when it is closed before it has attached', async () => {
    const connection = connect()
    connection.close()
    await settled()
    expect(page.hubs).toEqual([])
    expect(page.clock.pending).toBe(0)
    expect((await page.locks.query()).held).toEqual([])
  })

  it.each([
    ['messages', { maxMessages: 3 }, 3],
    ['text', { maxBytes: 1_024 }, 2],
  ])(
    '[TB20] [I30] [I5] refuses to wait for a hub with more %s than the outbox may hold, and takes more when one was taken back',
    async (_, outbox, most) => {
      page.prepare = (hub) => (hub.isDead = true)
      const channel = connect({ outbox }).channel('a')
      const sent = Array.from({ length: 5 }, () => channel.send('x'.repeat(500)))
      const ends = await Promise.all(sent.slice(most).map(({ queued }) => queued.catch((error: { code: string }) => error.code)))
      expect(ends).toEqual(Array.from({ length: 5 - most }, () => 'outbox-full'))
      expect(sent.slice(0, most).map(({ fate }) => fate)).toEqual(Array.from({ length: most }, () => 'sending'))
      await settled()
      await sent[0]?.cancel()
      expect(channel.send('x'.repeat(500)).fate).toBe('sending')
    },
  )

  it('[TB20] [I30] keeps of what happens to the page the last of each kind for the next hub', async () => {
    page.prepare = (hub) => (hub.isDead = true)
    connect()
    await until(() => page.hubs.length === 1)
    for (let times = 0; times < 100; times++) page.tell(times % 2 ? 'visible' : 'hidden')
    page.hubs.forEach((hub) => (hub.isDead = false))
    page.prepare = () => {}
    page.clock.pass(60_000)
    await settled()
    expect(page.hub.said('signal').length).toBeLessThanOrEqual(2)
  })

  it('[TB8] leaves no timer behind when it is closed while it waits for a hub', async () => {
    page.prepare = (hub) => (hub.isDead = true)
    const connection = connect()
    await until(() => page.hubs.length === 1)
    await settled()
    expect(page.clock.pending).toBeGreaterThan(0)
    connection.close()
    await settled()
    expect(page.clock.pending).toBe(0)
  })

  it('[TB8] leaves no timer behind when it is closed', async () => {
    const connection = await connected()
    connection.channel('a').send(1)
    await settled()
    connection.close()
    await settled()
    expect(page.clock.pending).toBe(0)
  })

  it('[TB8] refuses a second connection of the scope with other settings', async () => {
    await connected()
    expect(() => connect({ hiddenDelayMs: 5 })).toThrow(expect.objectContaining({ code: 'options-disagree' }))
    expect(() => connect({ url: '/live?x=1' })).toThrow(expect.objectContaining({ code: 'options-disagree' }))
    expect(connect({ user: 'bob' })).not.toBe(connect())
  })

  it('[TB8] says what is missing in the browser', () => {
    page.isSecure = false
    expect(() => connect()).toThrow(expect.objectContaining({ code: 'insecure-context' }))
  })

  it('[TB41] says what an imitated browser lacks, and how to test there', () => {
    page.missing = ['Worker', 'crypto.subtle']
    expect(() => connect()).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringMatching(/no Worker, crypto\.subtle here.*jsdom.*replace/) as string,
      }),
    )
    expect(open.size).toBe(0)
  })

  it('[TB8] does nothing on a server, where a send is refused', async () => {
    const connection = connectOn(null, open, { url: '/live' })
    const stop = connection.channel('a').subscribe({})
    const sent = connection.channel('a').send(1)
    await expect(sent.queued).rejects.toMatchObject({ code: 'not-connected' })
    expect(connection.state.current.status).toBe('connecting')
    await expect(connection.channel('a').send(1, { durable: false }).queued).rejects.toMatchObject({ code: 'not-connected' })
    stop()
    connection.close()
    expect(open.size).toBe(0)
  })

  it('[TB8] can be imported where there is no browser', async () => {
    expect(typeof (await import('./index.ts')).connect).toBe('function')
  })

  it('[TB8] ends when the hub was started with other settings', async () => {
    page.prepare = (hub) => (hub.answers.attach = () => Promise.resolve({ ok: false, error: { code: 'options-disagree', message: 'x' } }))
    const connection = connect()
    const errors: unknown[] = []
    connection.on('error', (error) => errors.push(error.code))
    const sent = connection.channel('a').send(1)
    await expect(sent.queued).rejects.toMatchObject({ code: 'options-disagree' })
    expect(errors).toEqual(['options-disagree'])
    expect(connection.state.current.status).toBe('closed')
    expect(open.size).toBe(0)
  })

  it('[TB19] ends when the hub refuses the value of an option', async () => {
    const connection = connect({ reconnect: { jitter: 2 } })
    const errors: string[] = []
    connection.on('error', ({ code, message }) => errors.push(`${code}: ${message}`))
    await until(() => connection.state.current.status === 'closed')
    expect(errors).toEqual(['invalid-option: reconnect.jitter must be a number from 0 to 1.'])
    expect(open.size).toBe(0)
  })

  it('[TB8] [DS6] is refused by a hub of another build until retryNow', async () => {
    page.prepare = (hub) => (hub.answers.attach = () => Promise.resolve({ ok: false, error: { code: 'version', message: 'x' } }))
    const connection = connect()
    connection.on('error', () => {})
    await until(() => connection.state.current.status === 'refused')
    // Once under another name, where the same script may be a newer one.
    expect(page.hubs).toHaveLength(2)
    page.prepare = () => {}
    connection.retryNow()
    await until(() => page.hubs.length === 3 && page.hub.said('attach').length === 1)
  })
})

describe('the link to the hub', () => {
  it('[TB9] joins the newest hub that lives', async () => {
    await page.locks.query()
    void page.locks.request(`holdfast:${'S'.repeat(22)}:hub:9:${ID}:7:shared::own.js`, () => never)
    await connected()
    expect(page.names).toEqual([`holdfast:${'S'.repeat(22)}:7`])
  })

  it('[TB9] turns to the next generation when a hub does not answer, with growing patience', async () => {
    page.prepare = (hub) => (hub.isDead = true)
    connect()
    await until(() => page.hubs.length === 1)
    await settled()
    page.clock.pass(4_999)
    await settled()
    expect(page.hubs).toHaveLength(1)
    page.clock.pass(1)
    await until(() => page.hubs.length === 2)
    await settled()
    page.clock.pass(5_000)
    await settled()
    expect(page.hubs).toHaveLength(2)
    page.prepare = () => {}
    page.clock.pass(5_000)
    await until(() => page.hubs.length === 3 && page.hub.said('attach').length === 1)
    expect(page.names.map((name) => name.at(-1))).toEqual(['0', '1', '2'])
  })

  it('[TB9] gives a page that slept while it waited a little more time before it judges', async () => {
    let answer = (): void => {}
    page.prepare = (hub) => {
      hub.answers.attach = () =>
        new Promise((resolve) => {
          answer = () => resolve({ ok: true, value: { bridge: 1, instance: hub.instance, lock: hub.lock } })
        })
    }
    connect()
    await until(() => page.hubs.length === 1)
    await settled()
    page.clock.pass(5_000, 60_000)
    answer()
    await settled()
    page.clock.pass(250)
    await settled()
    expect(page.names.map((name) => name.at(-1))).toEqual(['0'])
  })

  it('[TB9] says connecting at once when the hub dies, and starts it again under the same name', async () => {
    const connection = await connected()
    await page.hub.deliver({ state: { status: 'connected', pending: 2, durable: true, shared: true } })
    expect(connection.state.current.status).toBe('connected')
    page.kill()
    await until(() => connection.state.current.status !== 'connected')
    expect(connection.state.current).toEqual({ status: 'connecting', pending: 2, durable: true, shared: true })
    await until(() => page.hubs.length === 2)
    expect(page.names[1]).toBe(page.names[0])
  })

  it('[TB9] says connecting with what it knew when it comes back to another hub', async () => {
    const connection = await connected()
    await page.hub.deliver({ state: { status: 'connected', pending: 2, durable: true, shared: true } })
    const shown: unknown[] = []
    connection.state.subscribe(() => shown.push(connection.state.current))
    page.tell('suspended')
    page.tell('resumed')
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    await settled()
    expect(shown).toEqual([{ status: 'connecting', pending: 2, durable: true, shared: true }])
  })

  it('[TB9] goes on showing what it knew when it comes back to the same hub, by an attach that is known as the later one', async () => {
    const connection = await connected()
    const first = page.hub
    await first.deliver({ state: { status: 'connected', pending: 2, durable: true, shared: true } })
    const shown: unknown[] = []
    connection.state.subscribe(() => shown.push(connection.state.current))
    page.prepare = (hub) => (hub.instance = first.instance)
    page.tell('suspended')
    page.tell('resumed')
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    await settled()
    expect(shown).toEqual([])
    expect(page.hub.attached.attempt).toBeGreaterThan(first.attached.attempt)
  })

  it('[TB9] waits 2 s for a revived hub before it turns to the next generation', async () => {
    await connected()
    page.prepare = (hub) => (hub.isDead = true)
    page.kill()
    await until(() => page.hubs.length === 2)
    await settled()
    page.prepare = () => {}
    page.clock.pass(2_000)
    await until(() => page.hubs.length === 3 && page.hub.said('attach').length === 1)
    expect(page.names.map((name) => name.at(-1))).toEqual(['0', '0', '1'])
  })

  it('[TB9] does not hurry after a hub that dies again and again', async () => {
    await connected()
    page.kill()
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    await settled()
    page.kill()
    await settled()
    expect(page.hubs).toHaveLength(2)
    page.clock.pass(2_000)
    await until(() => page.hubs.length === 3)
  })

  it('[TB9] notices that another hub answers behind the same port', async () => {
    await connected()
    page.hub.instance = ID
    page.tell('visible')
    await until(() => page.hubs.length === 2)
  })

  it('[TB9] attaches again when the hub does not know it any more, and loses nothing it sent', async () => {
    const connection = await connected()
    page.hub.answers.send = () => Promise.resolve({ ok: false, error: { code: 'closed', message: 'attach first' } })
    const sent = connection.channel('a').send(1)
    await sent.queued
    expect(page.hubs).toHaveLength(2)
    expect(page.hub.taken.map(({ id }) => id)).toEqual([sent.id])
  })

  it('[DS9] asks for the lines of the hub when the app wants them, and tells the app', async () => {
    const lines: unknown[] = []
    await connected()
    expect(page.hub.attached.wantsLog).toBeUndefined()
    const connection = connect({
      user: 'curious',
      log: (line) => {
        lines.push(line)
        throw new Error('odd')
      },
    })
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.hub.attached.wantsLog).toBe(true)
    const state = { status: 'connected', pending: 0, durable: true, shared: true } as const
    await page.hub.deliver({ state, log: [{ level: 'info', event: 'a' }] })
    expect(lines).toEqual([{ level: 'info', event: 'a' }])
    expect(connection.state.current).toEqual(state)
    expect(page.reported).toEqual([new Error('odd')])
  })

  it('[TB10] tells what changed while the hub was being asked', async () => {
    let answer = (): void => {}
    page.prepare = (hub) => {
      hub.answers.attach = () =>
        new Promise((resolve) => (answer = () => resolve({ ok: true, value: { bridge: 1, instance: hub.instance, lock: hub.lock } })))
    }
    const connection = connect()
    await until(() => page.hubs.length === 1 && page.hub.said('attach').length === 1)
    page.visible = false
    page.tell('hidden')
    connection.outbox.subscribe(() => {})
    connection.channel('a').subscribe({})
    answer()
    await until(() => page.hub.said('subscribe').length === 1)
    expect(page.hub.said('signal')).toEqual(['hidden', 'watch-outbox'])
  })

  it('[TB9] notices on a ping that a hub hangs', async () => {
    const connection = await connected()
    await page.hub.deliver({ state: { status: 'connected', pending: 0, durable: true, shared: true } })
    page.hub.isDead = true
    page.tell('visible')
    await settled()
    page.clock.pass(2_000)
    await until(() => connection.state.current.status === 'connecting')
    await until(() => page.hubs.length === 2)
  })

  it('[TB9] never pings by itself', async () => {
    await connected()
    await page.hub.deliver({ state: { status: 'connected', pending: 0, durable: true, shared: true } })
    expect(page.clock.pending).toBe(0)
    page.clock.pass(3_600_000)
    await settled()
    expect(page.hub.said('ping')).toEqual([])
  })

  it('[TB9] tells when the script does not load, and tries again after a pause', async () => {
    page.broken = () => true
    const connection = connect()
    const errors: string[] = []
    connection.on('error', (error) => errors.push(error.code))
    await until(() => errors.length === 1)
    expect(errors).toEqual(['hub-failed'])
    await settled()
    page.broken = () => false
    page.clock.pass(5_000)
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
  })

  it('[TB10] tells the hub what happens to the page, and attaches again when it comes back', async () => {
    await connected()
    const stop = connect().channel('a').subscribe({})
    await until(() => page.hub.said('subscribe').length === 1)
    await page.hub.deliver({ channels: [{ channel: 'a', snapshot: { json: '[]', atMs: 0, stale: false }, position: cursor(4) }] })
    for (const event of ['hidden', 'offline', 'online', 'suspended'] as const) page.tell(event)
    await until(() => page.hub.said('signal').length === 4)
    expect(page.hub.said('signal')).toEqual(['hidden', 'offline', 'online', 'suspended'])
    const tab = page.hub.attached.tab
    page.tell('resumed')
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.names[1]).toBe(page.names[0])
    expect(page.hub.attached).toMatchObject({ tab, channels: [{ channel: 'a', position: cursor(4) }] })
    stop()
  })

  it('[TB21] a page that is frozen has no port and no lock, keeps what the app sends, and attaches when it runs again', async () => {
    const connection = await connected()
    const { tab, lock } = page.hub.attached
    const heard: string[] = []
    connection.state.subscribe(() => heard.push(connection.state.current.status))
    page.tell('suspended')
    const before = connection.channel('a').send('in the last moment')
    await before.queued
    page.tell('frozen')
    connection.channel('a').send('after it')
    void page.hub.deliver({
      state: { status: 'waiting', pending: 0, durable: true, shared: true, attempt: 1, retryAtMs: 0, reason: 'offline' },
    })
    await settled()
    expect(page.hub.taken.map((message) => message.json)).toEqual(['"in the last moment"'])
    expect(heard).toEqual([])
    expect((await page.locks.query()).held?.map(({ name }) => name)).not.toContain(lock)
    expect(page.hubs).toHaveLength(1)
    page.tell('resumed')
    await until(() => page.hubs.length === 2 && page.hub.taken.length === 1)
    expect(page.hub.taken.map((message) => message.json)).toEqual(['"after it"'])
    expect(page.hub.attached.tab).not.toBe(tab)
    expect(page.hub.attached.unsettled).toEqual([before.id])
  })

  it('[TB21] a page that is frozen while it attaches begins again under a lock of its own', async () => {
    connect()
    page.tell('suspended')
    page.tell('frozen')
    await settled()
    expect(page.hubs).toHaveLength(0)
    expect((await page.locks.query()).held ?? []).toEqual([])
    page.tell('resumed')
    await until(() => page.hubs.length === 1 && page.hub.said('attach').length === 1)
    expect((await page.locks.query()).held?.map(({ name }) => name)).toContain(page.hub.attached.lock)
  })

  it('[TB21] [TB8] a page that closes while it is frozen lets everything go', async () => {
    const connection = await connected()
    page.tell('frozen')
    connection.close()
    page.tell('resumed')
    await settled()
    expect(page.hubs).toHaveLength(1)
    expect((await page.locks.query()).held?.filter(({ name }) => name?.includes(':tab:'))).toEqual([])
  })

  it('[TB10] takes a lock under a new name when the browser took the old one away', async () => {
    await connected()
    const { tab, lock } = page.hub.attached
    page.tell('suspended')
    page.locks.take(lock)
    page.tell('resumed')
    await until(() => page.hub.said('attach').length === 1 && page.hub.attached.lock !== lock)
    expect(page.hub.attached.tab).not.toBe(tab)
    expect((await page.locks.query()).held?.map(({ name }) => name)).toContain(page.hub.attached.lock)
  })

  it('[TB9] [I32] keeps a state that overtook the answer of the hub it came from', async () => {
    page.prepare = (hub) => {
      hub.answers.attach = async () => {
        await hub.deliver({ state: { status: 'connected', pending: 0, durable: true, shared: true } })
        return { ok: true, value: { bridge: 1, instance: hub.instance, lock: hub.lock } }
      }
    }
    const connection = connect()
    await until(() => connection.state.current.status === 'connected')
    connection.channel('a').subscribe({})
    await until(() => page.hub.said('subscribe').length === 1)
    expect(connection.state.current.status).toBe('connected')
  })

  it('[I16] does not take what was on its way for a subscription that was given up for that of its successor', async () => {
    const connection = await connected()
    const heard: unknown[] = []
    const stop = connection.channel('a').subscribe({})
    await until(() => page.hub.said('subscribe').length === 1)
    stop()
    await until(() => page.hub.said('unsubscribe').length === 1)
    connection.channel('a').subscribe({ message: ({ offset }) => heard.push(offset) })
    await until(() => page.hub.said('subscribe').length === 2)
    const [first, second] = page.hub.said('subscribe').map((positions) => (positions as { round: number }[])[0]?.round ?? 0)
    const start = { channel: 'a', snapshot: { atMs: 0, stale: false }, position: cursor(2), messages: '[{"offset":2,"id":"x","data":1}]' }
    await page.hub.deliver({ channels: [{ ...start, round: first ?? 0 }] })
    await page.hub.deliver({ channels: [{ ...start, round: second ?? 0 }] })
    expect(heard).toEqual([2])
  })

  it('[TB10] [I32] attaches again when it learns only afterwards that its lock was taken: the hub has dropped it', async () => {
    const connection = await connected()
    const { lock } = page.hub.attached
    page.locks.take(lock)
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.hub.attached.lock).not.toBe(lock)
    connection.close()
    await settled()
    expect(page.hubs).toHaveLength(2)
    expect((await page.locks.query()).held?.filter(({ name }) => name?.includes(':tab:'))).toEqual([])
  })

  it('[TB10] gives the hub a credential when it asks, and keeps what the app threw', async () => {
    const token = vi.fn((): string | null => 'secret')
    const connection = await connected({ token })
    const errors: string[] = []
    connection.on('error', (error) => errors.push(error.code))
    expect(page.hub.attached.canAuthenticate).toBe(true)
    expect(await page.hub.tab?.credential()).toEqual({ ok: true, value: 'secret' })
    token.mockImplementation(() => {
      throw new Error('secret detail')
    })
    expect(await page.hub.tab?.credential()).toEqual({
      ok: false,
      error: { code: 'unauthenticated', message: expect.not.stringContaining('detail') },
    })
    token.mockImplementation(() => '')
    expect(await page.hub.tab?.credential()).toMatchObject({ ok: false })
    expect(errors).toEqual(['unauthenticated', 'unauthenticated'])
  })
})

describe('sending', () => {
  it('[TB11] hands the messages of one microtask over in one call, and gathers the next while it waits', async () => {
    const connection = await connected()
    let answer = (_result: Result<readonly SendAnswer[]>): void => {}
    page.hub.answers.send = () => new Promise((resolve) => (answer = resolve))
    const channel = connection.channel('a')
    const sent = [channel.send(1), channel.send(2)]
    await until(() => page.hub.said('send').length === 1)
    sent.push(channel.send(3))
    await Promise.resolve()
    sent.push(channel.send(4))
    await settled()
    expect(page.hub.said('send')).toHaveLength(1)
    answer({ ok: true, value: [{ queued: true }, { queued: true }] })
    await until(() => page.hub.said('send').length === 2)
    answer({ ok: true, value: [{ queued: true }, { queued: true }] })
    await Promise.all(sent.map(({ queued }) => queued))
    expect(page.hub.said('send').map((group) => (group as { json: string }[]).map((message) => message.json))).toEqual([
      ['1', '2'],
      ['3', '4'],
    ])
    expect(sent.map(({ fate }) => fate)).toEqual(['queued', 'queued', 'queued', 'queued'])
  })

  it('[TB12] hands what a dead hub did not answer for to the next one, under the same ids and before newer messages', async () => {
    const connection = await connected()
    page.hub.answers.send = () => never
    const channel = connection.channel('a')
    const older = [channel.send(1), channel.send(2)]
    await until(() => page.hub.said('send').length === 1)
    const newer = channel.send(3)
    page.kill()
    await until(() => page.hubs.length === 2 && page.hub.taken.length === 3)
    expect(page.hub.attached.unsettled).toEqual([])
    expect(page.hub.taken.map(({ id }) => id)).toEqual([...older, newer].map(({ id }) => id))
    expect(page.hub.taken.map((message) => message.json)).toEqual(['1', '2', '3'])
    await Promise.all([...older, newer].map(({ queued }) => queued))
  })

  it('[TB12] asks a later hub about queued messages whose end it does not know', async () => {
    const connection = await connected()
    const sent = connection.channel('a').send(1)
    const ended = connection.channel('a').send(2)
    await ended.queued
    await page.hub.deliver({ fates: [{ id: ended.id, fate: 'applied' }] })
    page.kill()
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.hub.attached).toMatchObject({ unsettled: [sent.id] })
    await page.hub.deliver({ fates: [{ id: sent.id, fate: 'applied', replyJson: '{"n":7}' }] })
    expect(await sent.applied).toEqual({ n: 7 })
  })

  it('[TB12] asks again after a call without an answer from a hub that lives', async () => {
    const connection = await connected()
    page.hub.answers.send = () => never
    const sent = connection.channel('a').send(1)
    await until(() => page.hub.said('send').length === 1)
    page.hub.answers = {}
    page.clock.pass(10_000)
    await sent.queued
    expect(page.hub.said('ping')).toHaveLength(1)
    expect(page.hubs).toHaveLength(1)
    expect(page.hub.taken.map(({ id }) => id)).toEqual([sent.id])
    expect(offers(page.hub)).toEqual([
      [0, false],
      [0, true],
    ])
  })

  it('[TB12] [TB23] says with what comes again what had been heard before the first time, and with what is newer what was heard last', async () => {
    const connection = await connected()
    const channel = connection.channel('a')
    const memory = page.hub.mark?.memory ?? ''
    page.hub.answers.send = () => never
    const older = channel.send(1)
    await until(() => page.hub.said('send').length === 1)
    const newer = channel.send(2)
    await page.hub.deliver({ taken: { memory, taken: 5 } })
    page.prepare = (hub) => {
      hub.mark = { memory, taken: 7 }
      hub.answers.send = (messages, _since, isAgain) =>
        Promise.resolve({
          ok: true,
          value: messages.map(() => (isAgain ? { error: { code: 'may-repeat', message: 'stored, maybe' } } : { queued: true })),
        })
    }
    page.kill()
    await expect(older.queued).rejects.toMatchObject({ code: 'may-repeat' })
    await newer.queued
    expect([older.fate, newer.fate]).toEqual(['unknown', 'queued'])
    expect(offers(page.hub)).toEqual([
      [0, true],
      [7, false],
    ])
  })

  it('[TB23] hands nothing over before it has heard what a store had taken', async () => {
    page.prepare = (hub) => {
      hub.answers.attach = () => Promise.resolve({ ok: false, error: { code: 'hub-failed', message: 'not yet' } })
    }
    const connection = connect()
    const sent = connection.channel('a').send(1)
    await until(() => page.hubs.length > 0 && page.hub.said('attach').length > 0)
    await settled()
    page.prepare = () => {}
    expect([page.hub.said('send'), sent.fate]).toEqual([[], 'sending'])
    page.clock.pass(10_000)
    await sent.queued
    expect(offers(page.hub)).toEqual([[0, false]])
  })

  it('[TB23] hands over anew, as for the first time, what names a store that the hub does not have', async () => {
    const connection = await connected()
    const taken = { memory: 'N'.repeat(22), taken: 3 }
    page.hub.answers.send = (messages, since) =>
      Promise.resolve({ ok: true, value: messages.map(() => (since.memory === taken.memory ? { queued: true } : { taken })) })
    const [first, second] = [connection.channel('a').send(1), connection.channel('a').send(2)]
    await Promise.all([first.queued, second.queued])
    expect(offers(page.hub)).toEqual([
      [0, false],
      [3, false],
    ])
    expect([first.fate, second.fate]).toEqual(['queued', 'queued'])
  })

  it('[TB24] says of a message that has taken effect, and whose reply nobody remembers, that the reply is lost', async () => {
    const connection = await connected()
    const [lost, silent] = [connection.channel('a').send(1), connection.channel('a').send(2)]
    await silent.queued
    await page.hub.deliver({
      fates: [
        { id: lost.id, fate: 'applied', replyLost: 'forgotten' },
        { id: silent.id, fate: 'applied' },
      ],
    })
    await expect(lost.applied).rejects.toMatchObject({ code: 'reply-lost' })
    expect(await silent.applied).toBeUndefined()
    expect([lost.fate, silent.fate]).toEqual(['applied', 'applied'])
  })

  it('[TB13] tells every end of a message once and in order', async () => {
    const connection = await connected()
    const channel = connection.channel('a')
    const [applied, rejected, expired, late] = [channel.send(1), channel.send(2), channel.send(3), channel.send(4)]
    const fates: string[] = []
    applied.subscribe(() => fates.push(applied.fate))
    await applied.queued
    await page.hub.deliver({
      fates: [
        { id: applied.id, fate: 'sent' },
        { id: applied.id, fate: 'applied', replyJson: '1' },
        { id: applied.id, fate: 'sent' },
        { id: rejected.id, fate: 'rejected', reason: 'forbidden', message: 'no' },
        { id: expired.id, fate: 'expired' },
        { id: ID, fate: 'expired' },
      ],
    })
    expect(fates).toEqual(['queued', 'sent', 'applied'])
    expect(await applied.applied).toBe(1)
    await expect(rejected.applied).rejects.toMatchObject({ code: 'forbidden', message: 'no' })
    await expect(expired.applied).rejects.toMatchObject({ code: 'expired' })
    expect([rejected.fate, expired.fate, late.fate]).toEqual(['rejected', 'expired', 'queued'])
    connection.close()
    await expect(late.applied).rejects.toMatchObject({ code: 'closed' })
    expect(late.fate).toBe('queued')
  })

  it('[TB13] knows that a message was queued when its fate overtakes the answer', async () => {
    const connection = await connected()
    let answer = (): void => {}
    page.hub.answers.send = () => new Promise((resolve) => (answer = () => resolve({ ok: true, value: [{ queued: true }] })))
    const sent = connection.channel('a').send(1)
    const fates: string[] = []
    sent.subscribe(() => fates.push(sent.fate))
    await until(() => page.hub.said('send').length === 1)
    await page.hub.deliver({ fates: [{ id: sent.id, fate: 'sent' }] })
    await sent.queued
    answer()
    await settled()
    expect(fates).toEqual(['sent'])
  })

  it('[TB13] rejects only what somebody reads: an outbox that is full is no unhandled rejection', async () => {
    const connection = await connected()
    page.hub.answers.send = () => Promise.resolve({ ok: true, value: [{ error: { code: 'outbox-full', message: 'full' } }] })
    const sent = connection.channel('a').send(1)
    await until(() => sent.fate === 'failed')
    await settled()
    await expect(sent.queued).rejects.toMatchObject({ code: 'outbox-full' })
  })

  it('[TB13] tells the app when the hub itself fails, and does not try for ever', async () => {
    const connection = await connected()
    page.hub.answers.send = () => Promise.reject(new Error('bug'))
    await expect(connection.channel('a').send(1).queued).rejects.toMatchObject({ code: 'hub-failed' })
    expect(page.hub.said('send')).toHaveLength(1)
  })

  it('[TB13] takes a message back that no hub was given, and asks the hub otherwise', async () => {
    const connection = connect()
    const early = connection.channel('a').send(1)
    await early.cancel()
    expect(early.fate).toBe('cancelled')
    await until(() => page.hubs.length === 1 && page.hub.said('attach').length === 1)
    const later = connection.channel('a').send(2)
    await later.queued
    await later.cancel()
    expect(page.hub.said('cancel')).toEqual([later.id])
    expect(later.fate).toBe('cancelled')
    page.hub.answers.cancel = () => Promise.resolve({ ok: false, error: { code: 'already-sent', message: 'x' } })
    await expect(connection.outbox.cancel(ID)).rejects.toMatchObject({ code: 'already-sent' })
    expect(page.hub.taken.map(({ id }) => id)).toEqual([later.id])
  })

  it('[TB13] sends at once or not at all with durable: false', async () => {
    const connection = connect()
    const channel = connection.channel('a')
    const dropped = channel.send(1, { durable: false })
    await expect(dropped.queued).rejects.toMatchObject({ code: 'not-connected' })
    await connected()
    const left = channel.send(2, { durable: false })
    await left.queued
    expect(left.fate).toBe('sent')
    expect(page.hub.said('sendVolatile')).toHaveLength(1)
    await expect(left.applied).rejects.toMatchObject({ code: 'not-found' })
  })

  it('[TB12] hands a parked message that is tried again to the next hub, when the first did not answer', async () => {
    const connection = await connected()
    page.hub.answers.send = () => never
    const again = connection.outbox.retry(ID)
    await until(() => page.hub.said('send').length === 1)
    page.kill()
    await again.queued
    expect([page.hub.said('send'), offers(page.hub)]).toEqual([[[{ id: again.id, retryOf: ID }]], [[0, true]]])
  })

  it('[TB13] follows a message that is sent again', async () => {
    const connection = await connected()
    const again = connection.outbox.retry(ID)
    await again.queued
    expect(page.hub.said('send').at(-1)).toEqual([{ id: again.id, retryOf: ID }])
    await page.hub.deliver({ fates: [{ id: again.id, fate: 'applied' }] })
    await again.applied
    page.hub.answers.send = () => Promise.resolve({ ok: true, value: [{ error: { code: 'not-found', message: 'x' } }] })
    await expect(connection.outbox.retry(ID).queued).rejects.toMatchObject({ code: 'not-found' })
    page.kill()
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.hub.attached.unsettled).toEqual([])
  })

  it('[TB3] settles every call when the hub dies and when the connection closes', async () => {
    const connection = await connected()
    const hang: (keyof HubApi)[] = ['cancel', 'discard', 'send']
    for (const name of hang) page.hub.answers[name] = () => never
    const dies = connection.outbox.discard(ID)
    await until(() => page.hub.said('discard').length === 1)
    page.prepare = (hub) => (hub.isDead = true)
    page.kill()
    await expect(dies).rejects.toMatchObject({ code: 'hub-failed' })
    const waits = connection.outbox.cancel(ID)
    const sent = connection.channel('a').send(1)
    const rejections = [
      expect(waits).rejects.toMatchObject({ code: 'closed' }),
      expect(sent.queued).rejects.toMatchObject({ code: 'closed' }),
    ]
    connection.close()
    await Promise.all(rejections)
    await expect(connection.channel('a').send(1).queued).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('channels', () => {
  it('[TB14] subscribes once per channel, and not at all for what comes and goes at once', async () => {
    const connection = await connected()
    const channel = connection.channel<string[], number>('a')
    connection.channel('b').subscribe({})()
    channel.subscribe({})()
    const stops = [channel.subscribe({}), channel.subscribe({})]
    connection.user.subscribe({}, { signal: AbortSignal.abort() })
    await settled()
    expect(page.hub.calls.slice(1)).toEqual([['subscribe', [{ channel: 'a', position: null, round: 1 }]]])
    stops[0]?.()
    await settled()
    expect(page.hub.said('unsubscribe')).toEqual([])
    stops[1]?.()
    await until(() => page.hub.said('unsubscribe').length === 1)
    expect(page.hub.said('unsubscribe')).toEqual([['a']])
  })

  it('[TB14] hands over value, messages and verdict in order, and states its place to the next hub', async () => {
    const connection = await connected()
    const heard: unknown[] = []
    connection.channel<number[], number>('a').subscribe({
      snapshot: (value, facts) => heard.push(['snapshot', value, facts]),
      message: ({ data, offset }) => heard.push(['message', data, offset]),
      reset: (why) => heard.push(['reset', why.reason]),
      recovered: (count) => heard.push(['recovered', count]),
    })
    await settled()
    await page.hub.deliver({
      channels: [
        { channel: 'a', snapshot: { json: '[1]', atMs: 9, stale: true }, messages: json(published(6), published(7)), position: cursor(7) },
      ],
    })
    await page.hub.deliver({ channels: [{ channel: 'a', messages: json(published(8)), position: cursor(8), recovered: 1 }] })
    expect(heard).toEqual([
      ['snapshot', [1], { asOf: 9, stale: true }],
      ['message', 6, 6],
      ['message', 7, 7],
      ['message', 8, 8],
      ['recovered', 1],
    ])
    page.kill()
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.hub.attached.channels).toEqual([{ channel: 'a', position: cursor(8), round: 2 }])
    expect(page.hub.said('subscribe')).toEqual([])
    heard.length = 0
    await page.hub.deliver({
      channels: [{ channel: 'a', reset: { reason: 'trimmed' }, snapshot: { json: '[2]', atMs: 9, stale: false }, position: cursor(20) }],
    })
    expect(heard.map((entry) => (entry as string[])[0])).toEqual(['reset', 'snapshot'])
  })

  it('[EF6] tells who comes later, too, that there is no value to begin with yet', async () => {
    const connection = await connected()
    const heard: unknown[] = []
    const handlers = (name: string): ChannelHandlers => ({
      reset: ({ reason }) => heard.push(`${name} ${reason}`),
      snapshot: () => heard.push(`${name} value`),
    })
    connection.channel('a').subscribe(handlers('one'))
    await settled()
    await page.hub.deliver({ channels: [{ channel: 'a', reset: { reason: 'hook-failed' } }] })
    connection.channel('a').subscribe(handlers('two'))
    await settled()
    await page.hub.deliver({ channels: [{ channel: 'a', snapshot: { json: '[1]', atMs: 9, stale: false }, position: cursor(7) }] })
    connection.channel('a').subscribe(handlers('three'))
    await settled()
    expect(heard).toEqual(['one hook-failed', 'two hook-failed', 'one value', 'two value', 'three value'])
  })

  it.each([
    ['invalid', 'JSON'],
    ['too-large', 'limit'],
    ['dropped', 'room'],
    ['forgotten', 'known'],
  ] as const)('[EF1] [TB24] a message that has taken effect without its reply is applied, and says why: %s', async (why, word) => {
    const connection = await connected()
    const sent = connection.channel('a').send(1)
    await sent.queued
    await page.hub.deliver({ fates: [{ id: sent.id, fate: 'applied', replyLost: why }] })
    expect(sent.fate).toBe('applied')
    await expect(sent.applied).rejects.toMatchObject({ code: 'reply-lost', message: expect.stringContaining(word) as string })
  })

  it('[EF2] a message whose handler could not publish is rejected', async () => {
    const connection = await connected()
    const sent = connection.channel('a').send(1)
    await sent.queued
    await page.hub.deliver({ fates: [{ id: sent.id, fate: 'rejected', reason: 'unpublishable', message: 'why' }] })
    expect(sent.fate).toBe('rejected')
    await expect(sent.applied).rejects.toMatchObject({ code: 'rejected', message: 'why' })
  })

  it('[TB14] ignores what is left of a subscription it has no place in', async () => {
    const connection = await connected()
    const message = vi.fn()
    connection.channel('a').subscribe({ message })
    await settled()
    await page.hub.deliver({ channels: [{ channel: 'a', messages: json(published(3)), position: cursor(3) }] })
    expect(message).not.toHaveBeenCalled()
    page.kill()
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.hub.attached.channels).toEqual([{ channel: 'a', position: null, round: 2 }])
  })

  it('[TB15] starts a late subscriber with the value and every message since, and nobody hears anything twice', async () => {
    const connection = await connected()
    const channel = connection.channel<number[], number>('a')
    const first: unknown[] = []
    const second: unknown[] = []
    channel.subscribe({ snapshot: (value) => first.push(value), message: ({ data }) => first.push(data) })
    await settled()
    await page.hub.deliver({
      channels: [{ channel: 'a', snapshot: { json: '[1]', atMs: 0, stale: false }, messages: json(published(2)), position: cursor(2) }],
    })
    await page.hub.deliver({ channels: [{ channel: 'a', messages: json(published(3)), position: cursor(3) }] })
    channel.subscribe({ snapshot: (value) => second.push(value), message: ({ data }) => second.push(data) })
    expect(second).toEqual([])
    await settled()
    expect(second).toEqual([[1], 2, 3])
    await page.hub.deliver({ channels: [{ channel: 'a', messages: json(published(4)), position: cursor(4) }] })
    expect(first).toEqual([[1], 2, 3, 4])
    expect(second).toEqual([[1], 2, 3, 4])
    expect(page.hub.said('subscribe')).toHaveLength(1)
  })

  it('[TB15] asks for a fresh value for everybody when a late subscriber comes after more than is kept', async () => {
    const connection = await connected()
    const channel = connection.channel<number[], number>('a')
    const heard: string[] = []
    channel.subscribe({ snapshot: () => heard.push('snapshot'), reset: ({ reason }) => heard.push(reason) })
    await settled()
    const many = Array.from({ length: 1_001 }, (_, at) => published(at + 1))
    await page.hub.deliver({
      channels: [{ channel: 'a', snapshot: { json: '[]', atMs: 0, stale: false }, messages: json(...many), position: cursor(1_001) }],
    })
    const late: string[] = []
    channel.subscribe({ snapshot: () => late.push('snapshot'), message: () => late.push('message') })
    await until(() => page.hub.said('subscribe').length === 2)
    expect(page.hub.said('subscribe')[1]).toEqual([{ channel: 'a', position: null, round: 2 }])
    await page.hub.deliver({ channels: [{ channel: 'a', snapshot: { json: '[]', atMs: 0, stale: false }, position: cursor(1_001) }] })
    expect(heard).toEqual(['snapshot', 'trimmed', 'snapshot'])
    expect(late).toEqual(['snapshot'])
  })

  it('[TB15] starts a late subscriber of a channel without values with the newest messages', async () => {
    const connection = await connected()
    const channel = connection.channel<never, number>('a')
    channel.subscribe({})
    await settled()
    await page.hub.deliver({ channels: [{ channel: 'a', snapshot: { atMs: 0, stale: false }, position: cursor(0) }] })
    for (const from of [0, 600]) {
      const messages = json(...Array.from({ length: 600 }, (_, n) => published(from + n + 1)))
      await page.hub.deliver({ channels: [{ channel: 'a', messages, position: cursor(from + 600) }] })
    }
    const late: number[] = []
    const snapshot = vi.fn()
    channel.subscribe({ snapshot, message: ({ offset }) => late.push(offset) })
    await settled()
    expect([late.length, late[0], late.at(-1)]).toEqual([600, 601, 1_200])
    expect(snapshot).not.toHaveBeenCalled()
  })

  it('[TB16] keeps a handler that throws from stopping the others or the credit', async () => {
    const connection = await connected()
    const heard: unknown[] = []
    const boom = new Error('boom')
    const throws = (): never => {
      throw boom
    }
    connection.channel('a').subscribe({ snapshot: throws, message: throws })
    connection.channel('a').subscribe({ message: ({ data }) => heard.push(data) })
    connection.state.subscribe(throws)
    connection.state.subscribe(() => heard.push('state'))
    await settled()
    const answer = await page.hub.deliver({
      channels: [{ channel: 'a', snapshot: { json: '1', atMs: 0, stale: false }, messages: json(published(1)), position: cursor(1) }],
      state: { status: 'connected', pending: 0, durable: true, shared: true },
    })
    expect(answer).toEqual({ ok: true, value: null })
    expect(heard).toEqual([1, 'state'])
    expect(page.reported).toEqual([boom, boom, boom])
  })

  it('[TB14] ends a refused channel, and asks again for whoever subscribes later', async () => {
    const connection = await connected()
    const refused = vi.fn()
    connection.channel('a').subscribe({ refused })
    await settled()
    await page.hub.deliver({ channels: [{ channel: 'a', refused: { code: 'forbidden', message: 'no' } }] })
    expect(refused).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'forbidden' }))
    connection.channel('a').subscribe({})
    await until(() => page.hub.said('subscribe').length === 2)
  })

  it('[TB14] refuses names that are none, and reserved ones', async () => {
    const connection = await connected()
    for (const name of ['', '@user', 'a b', '..', 'x'.repeat(201)]) {
      expect(() => connection.channel(name)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    }
    expect(connection.channel('a')).toBe(connection.channel('a'))
    expect(connection.user.name).toBe('@user')
  })
})

describe('what else the tab shows', () => {
  it('[TB17] watches the outbox only while somebody does', async () => {
    const connection = await connected()
    const listener = vi.fn()
    const stops = [connection.outbox.subscribe(listener), connection.outbox.subscribe(listener)]
    await settled()
    const entry = { id: ID, channel: 'a', atMs: 1 }
    await page.hub.deliver({
      outbox: {
        pendingCount: 1,
        parkedCount: 1,
        pending: [{ ...entry, possiblySent: false, json: '{"a":1}' }],
        parked: [{ ...entry, fate: 'rejected', reason: 'no', json: '2' }],
      },
    })
    expect(listener).toHaveBeenCalledTimes(2)
    expect(connection.outbox.current.pending).toEqual([{ ...entry, possiblySent: false, data: { a: 1 } }])
    expect(connection.outbox.current.parked[0]?.data).toBe(2)
    expect(connection.outbox.current).toBe(connection.outbox.current)
    page.kill()
    await until(() => page.hubs.length === 2 && page.hub.said('attach').length === 1)
    expect(page.hub.attached.watchesOutbox).toBe(true)
    for (const stop of stops) stop()
    await until(() => page.hub.said('signal').length === 1)
    expect(page.hub.said('signal')).toEqual(['unwatch-outbox'])
    expect(page.hubs[0]?.said('signal')).toEqual(['watch-outbox'])
  })

  it('[TB17] tells errors to their listeners, and errors nobody listens for to the browser', async () => {
    const connection = await connected()
    const abort = new AbortController()
    const heard: unknown[] = []
    connection.on('error', ({ code }) => heard.push(code), { signal: abort.signal })
    const errors = [{ code: 'storage-failed', message: 'x' }] as const
    await page.hub.deliver({ errors })
    abort.abort()
    await page.hub.deliver({ errors })
    expect(heard).toEqual(['storage-failed'])
    expect(page.reported).toEqual([expect.objectContaining({ code: 'storage-failed' })])
  })
})
