import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFaultProxy, createSeededRandom, type FaultProxy } from './index.ts'

const refusal = (message: string): unknown => expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(message) })
const target = { host: '127.0.0.1', port: 1 }

describe('arguments of the tools for tests', () => {
  let proxy: FaultProxy

  beforeAll(async () => {
    proxy = await createFaultProxy({ target })
  })

  afterAll(() => proxy.close())

  it.each<[string, unknown]>([
    ['options must be of type Object, not undefined', undefined],
    ['target must be of type Object, not undefined', {}],
    ['target must be of type Object, not string', { target: 'x' }],
    ['target.host must be of type string, not number', { target: { host: 1, port: 1 } }],
    ['target.host must be a name or an address', { target: { port: 1 } }],
    ['target.port must be of type number, not undefined', { target: { host: 'a' } }],
    ['target.port must be a whole number from 1', { target: { host: 'a', port: 0 } }],
    ['port must be of type number, not string', { target, port: '1' }],
    ['port must be a whole number from 0 to 65535, not 65536', { target, port: 65_536 }],
    ['seed must be a whole number', { target, seed: 1.5 }],
    ['sed is not one of target, seed, port', { target, sed: 1 }],
  ])('[TB19] createFaultProxy refuses: %s', async (message, options) => {
    await expect(createFaultProxy(options as never)).rejects.toEqual(refusal(message))
  })

  it.each<[string, unknown]>([
    ['fault must be of type Object, not undefined', undefined],
    ['fault must be of type Object, not string', 'refuse'],
    [
      "kind must be one of pass, refuse, reset, half-close, blackhole, delay, throttle, slice, cut, answer, not 'offline'",
      { kind: 'offline' },
    ],
    ['kind must be one of', { kind: 'constructor' }],
    ["on must be one of existing, new, both, not 'all'", { kind: 'refuse', on: 'all' }],
    ['on must be a whole number from 1', { kind: 'reset', on: 0 }],
    ['on must be a word', { kind: 'refuse', on: 2 }],
    ["on must not be 'existing'", { kind: 'refuse', on: 'existing' }],
    ["on must not be 'existing'", { kind: 'answer', response: '', on: 'existing' }],
    ['direction must be one of toServer, toClient, both, not undefined', { kind: 'blackhole' }],
    ["direction must be one of toServer, toClient, not 'both'", { kind: 'half-close', direction: 'both' }],
    ['ms must be of type number, not undefined', { kind: 'delay' }],
    ['ms must be of type number, not string', { kind: 'delay', ms: '40' }],
    ['ms must be a number from 0', { kind: 'delay', ms: Number.NaN }],
    ['jitterMs must be a number from 0', { kind: 'delay', ms: 1, jitterMs: -1 }],
    ['bytesPerSecond must be of type number, not undefined', { kind: 'throttle' }],
    ['bytesPerSecond must be a whole number from 1', { kind: 'throttle', bytesPerSecond: 0 }],
    ['bytes must be a whole number from 1', { kind: 'slice', bytes: 0 }],
    ['afterBytes must be of type number, not undefined', { kind: 'cut', direction: 'toServer' }],
    ['afterBytes.max must be a whole number from 5', { kind: 'cut', direction: 'toServer', afterBytes: { min: 5, max: 4 } }],
    ['response must be of type string, not undefined', { kind: 'answer' }],
    ['fault.ms is not one of kind, on', { kind: 'pass', ms: 5 }],
  ])('[TB19] a rule that cannot be carried out is refused, and the one before stays in force: %s', async (message, rule) => {
    await expect(proxy.set(rule as never)).rejects.toEqual(refusal(message))
    expect(proxy.mode).toEqual({ kind: 'pass' })
  })

  it('[TB19] so is the fault of one connection', async () => {
    const other = await createFaultProxy({ target: { host: '127.0.0.1', port: proxy.port } })
    const socket = connect(other.port, '127.0.0.1').on('error', () => {})
    await other.waitForConnections(1, 5_000)
    for (const fault of [{ kind: 'throttle' }, { kind: 'reset', on: 1 }, undefined]) {
      expect(() => other.connections[0]?.set(fault as never)).toThrow(refusal(''))
    }
    socket.destroy()
    await other.close()
  })

  it('[TB19] so is everything else that a proxy is told', async () => {
    expect(() => (proxy.target = 'x' as never)).toThrow(refusal('target must be of type Object, not string'))
    expect(proxy.target).toEqual(target)
    expect(() => proxy.url('live')).toThrow(refusal('path must begin with /'))
    expect(() => proxy.url('/', 'https' as never)).toThrow(refusal('protocol must be ws or http'))
    await expect(proxy.waitForConnections('2' as never, 5)).rejects.toEqual(refusal('count must be of type number, not string'))
    await expect(proxy.waitForConnections(1, undefined as never)).rejects.toEqual(refusal('deadlineMs must be of type number'))
  })

  it.each<[string, () => unknown]>([
    ['seed must be a whole number', () => createSeededRandom(1.5)],
    ['seed must be of type number, not undefined', () => createSeededRandom(undefined as never)],
    ['max must be of type number, not undefined', () => createSeededRandom(1).integer(5, undefined as never)],
    ['label must be of type number, not string', () => createSeededRandom(1).fork('a' as never)],
  ])('[TB19] a generator refuses what is no whole number: %s', (message, make) => {
    expect(make).toThrow(refusal(message))
  })
})
