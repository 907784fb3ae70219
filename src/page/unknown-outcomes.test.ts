import { afterEach, describe, expect, it } from 'vitest'
import type { ErrorData } from '../protocol/errors.ts'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import { settled, TestPage, until } from './test-page.ts'

let page = new TestPage()
const open: Connections = new Map()
const never = new Promise<never>(() => {})
const ID = 'i'.repeat(22)
const refusal = (code: ErrorData['code']) => Promise.resolve({ ok: false, error: { code, message: 'why' } } as const)

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  page.end()
  page = new TestPage()
})

async function connected(): Promise<Connection> {
  const connection = connectOn(page, open, { url: '/live' })
  await until(() => page.hubs.length > 0 && page.hub.calls.length > 0)
  await settled()
  return connection
}

describe('a message with durable: false', () => {
  const send = (connection: Connection) => connection.channel('a').send(1, { durable: false })

  it.each([
    ['the hub died', () => page.kill()],
    ['the page was about to be frozen', () => page.tell('frozen')],
    ['this tab closed the connection', (connection: Connection) => connection.close()],
    ['the hub said nothing for 10 s', () => page.clock.pass(10_000)],
  ])('[I39] [TB35] [TB13] ends as unknown when the hub had it and did not answer: %s', async (_why, interrupt) => {
    const connection = await connected()
    page.hub.answers.sendVolatile = () => never
    page.hub.answers.ping = () => never
    const sent = send(connection)
    await until(() => page.hub.said('sendVolatile').length === 1)
    interrupt(connection)
    await settled()
    page.clock.pass(2_000)
    await expect(sent.queued).rejects.toMatchObject({ code: 'unknown' })
    await expect(sent.applied).rejects.toMatchObject({ code: 'unknown' })
    expect(sent.fate).toBe('unknown')
  })

  it('[I39] [TB35] ends as unknown when the hub failed in an unforeseen way', async () => {
    const connection = await connected()
    page.hub.answers.sendVolatile = () => Promise.reject(new Error('a bug'))
    const sent = send(connection)
    await expect(sent.queued).rejects.toMatchObject({ code: 'unknown' })
  })

  it.each(['not-connected', 'dropped', 'limit'] as const)('[TB35] ends as `%s` when the hub says that nothing was sent', async (code) => {
    const connection = await connected()
    page.hub.answers.sendVolatile = () => refusal(code)
    const sent = send(connection)
    await expect(sent.queued).rejects.toMatchObject({ code })
    expect(sent.fate).toBe('failed')
  })

  it('[TB35] ends as `not-connected` where no hub was asked', async () => {
    const connection = await connected()
    page.tell('frozen')
    const sent = send(connection)
    await expect(sent.queued).rejects.toMatchObject({ code: 'not-connected' })
    expect(sent.fate).toBe('failed')
  })

  it('[TB35] ends as `not-connected` when the hub does not know the tab, and so did nothing', async () => {
    const connection = await connected()
    page.hub.answers.sendVolatile = () => refusal('closed')
    await expect(send(connection).queued).rejects.toMatchObject({ code: 'not-connected' })
  })
})

describe('a durable message', () => {
  it('[TB36] what nobody was asked is asked of the next hub', async () => {
    const connection = await connected()
    page.hub.answers.discard = () => refusal('closed')
    const discarded = connection.outbox.discard(ID)
    await until(() => page.hubs.length > 1 && page.hub.said('discard').length === 1)
    await discarded
  })

  it('[I39] [TB36] has the fate unknown when it may have been applied: told by the server’s memory, or by the next hub', async () => {
    const connection = await connected()
    const sent = connection.channel('a').send(1)
    await sent.queued
    await page.hub.deliver({ fates: [{ id: sent.id, fate: 'rejected', reason: 'may-repeat', message: 'maybe' }] })
    expect(sent.fate).toBe('unknown')
    await expect(sent.applied).rejects.toMatchObject({ code: 'may-repeat' })
    page.hub.answers.send = (messages) =>
      Promise.resolve({ ok: true, value: messages.map(() => ({ error: { code: 'may-repeat', message: 'maybe' } })) })
    const offered = connection.channel('a').send(2)
    await expect(offered.queued).rejects.toMatchObject({ code: 'may-repeat' })
    expect(offered.fate).toBe('unknown')
  })

  it('[I39] [TB36] has the fate failed at close() when no hub was given it, and unknown when one had it and did not answer', async () => {
    const connection = await connected()
    page.hub.answers.send = () => never
    const handed = connection.channel('a').send(1)
    await until(() => page.hub.said('send').length === 1)
    const waiting = connection.channel('a').send(2)
    connection.close()
    expect([handed.fate, waiting.fate]).toEqual(['unknown', 'failed'])
    for (const { queued } of [handed, waiting]) await expect(queued).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('the state before a hub has spoken', () => {
  it('[I39] [TB34] says that it does not know: neither what waits, nor whether that outlives the worker, nor whose worker it is', async () => {
    const connection = await connected()
    expect(connection.state.current).toEqual({ status: 'connecting', pending: null, durable: null, shared: null })
    await page.hub.deliver({ state: { status: 'connected', pending: 3, durable: true, shared: true } })
    page.kill()
    await until(() => connection.state.current.status === 'connecting')
    expect(connection.state.current).toEqual({ status: 'connecting', pending: 3, durable: true, shared: true })
  })
})
