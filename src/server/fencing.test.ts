import { describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import type { Engine, EngineHost } from './engine.ts'
import { fakeServer, freshId } from './testing/fake-peer.ts'

/** A memory engine with some of its methods replaced, as an engine on a network would behave. */
function engineWith(replace: (inner: Engine) => Partial<Engine>): Engine {
  const inner = memoryEngine()
  const replaced = replace(inner)
  return new Proxy(inner, {
    get(target, key) {
      const value: unknown = Reflect.get(replaced, key) ?? Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('fencing', () => {
  it('[P7] closes a socket whose session was resumed on another node', async () => {
    let host: EngineHost | undefined
    const engine = engineWith((inner) => ({
      start(given) {
        host = given
        return inner.start(given)
      },
    }))
    const server = fakeServer({ engine })
    const peer = await server.open()
    const { session } = peer.last('session_init')
    host?.fenced(session.id, 1)
    expect(peer.closedWith).toBeUndefined()
    host?.fenced(session.id, 2)
    expect(peer.closedWith?.code).toBe(4409)
  })

  it('(order P13) [P7] [I21] applies nothing more of a replaced connection, though the newer one sends under another client id', async () => {
    let finish = (): void => {}
    const begun: unknown[] = []
    const onMessage = ({ data }: { data: unknown }): Promise<void> => (begun.push(data), new Promise((resolve) => (finish = resolve)))
    const { open, clock } = fakeServer({ onMessage })
    const older = await open()
    const { session } = older.last('session_init')
    older.say({ type: 'send', confirmed: 0, messages: [1, 2].map((n) => ({ n, id: freshId(), channel: 'a', data: n })) })
    await clock.settle()
    const newer = await open({ session })
    expect([newer.client === older.client, older.closedWith?.code]).toEqual([false, 4409])
    finish()
    await clock.settle()
    expect(begun).toEqual([1])
  })

  it('[P7] [I21] keeps the newest connection when the engine answers an older one later', async () => {
    const waiting: (() => void)[] = []
    let isHeld = false
    const engine = engineWith((inner) => ({
      async admit(admittance) {
        const admitted = await inner.admit(admittance)
        if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        return admitted
      },
    }))
    const server = fakeServer({ engine })
    const { session } = (await server.open()).last('session_init')
    isHeld = true
    const [older, newer] = [server.peer(), server.peer()]
    older.hello({ session })
    await server.clock.settle()
    newer.hello({ session })
    await server.clock.settle()
    waiting[1]?.()
    await server.clock.settle()
    waiting[0]?.()
    await server.clock.settle()
    expect([older.closedWith?.code, older.received, newer.closedWith]).toEqual([4409, [], undefined])
    isHeld = false
    await server.open({ session })
    expect(newer.closedWith?.code).toBe(4409)
  })

  it('[P7] [I21] lets no older connection in when a newer one has come and gone', async () => {
    const waiting: (() => void)[] = []
    let isHeld = false
    const engine = engineWith((inner) => ({
      async admit(admittance) {
        const admitted = await inner.admit(admittance)
        if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        return admitted
      },
    }))
    const server = fakeServer({ engine })
    const { session } = (await server.open()).last('session_init')
    isHeld = true
    const older = server.peer()
    older.hello({ session })
    await server.clock.settle()
    isHeld = false
    const newer = await server.open({ session })
    newer.drop()
    waiting[0]?.()
    await server.clock.settle()
    expect([older.closedWith?.code, older.received]).toEqual([4409, []])
  })

  it('[P11] [I10] does not go back to a record that was read before what came meanwhile', async () => {
    const waiting: (() => void)[] = []
    let isHeld = false
    const engine = engineWith((inner) => ({
      async loadClient(client) {
        const record = await inner.loadClient(client)
        if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        return record
      },
    }))
    const server = fakeServer({ engine, onMessage: () => {} })
    const first = await server.open()
    isHeld = true
    const second = server.peer()
    second.hello({ client: first.client })
    await server.clock.settle()
    const ids = [freshId(), freshId()]
    const send = (n: number): void =>
      first.say({ type: 'send', confirmed: 0, messages: [{ n, id: ids[n - 1] ?? '', channel: 'a', data: n }] })
    send(1)
    await server.clock.settle()
    for (const go of waiting) go()
    await server.clock.settle()
    expect(second.answer().client).toEqual({ hi: 1, id: ids[0] })
    send(2)
    await server.clock.settle()
    expect([first.last('ack').hi, first.all('unknown_client')]).toEqual([2, []])
  })
})
