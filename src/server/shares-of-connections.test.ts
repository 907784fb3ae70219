import { describe, expect, it, vi } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import { FakeClock } from './testing/fake-clock.ts'
import { fakeServer } from './testing/fake-peer.ts'
import { numberedMessages } from './testing/numbered-messages.ts'
import type { Holder } from './holder.ts'
import { resolveOptions } from './resolve-options.ts'
import { Turns } from './turns.ts'
import { WaitingBytes, type Unknown } from './waiting-bytes.ts'
import type { CloseName } from '../protocol/index.ts'

/** A connection of which nothing is known, until the test says so. */
class Stranger implements Unknown {
  isOpen = false
  readonly closes: CloseName[] = []
  readonly texts: string[] = []
  close(name: CloseName): void {
    this.closes.push(name)
  }
  text(text: string): void {
    this.texts.push(text)
  }
  binary(): void {}
  control(): void {}
  drained(): void {}
  closed(): void {}
}

const waiting = (limits: { readonly waitingBytes?: number; readonly frameBytes?: number; readonly messageBytes?: number }): WaitingBytes =>
  new WaitingBytes(resolveOptions({ limits }).limits, () => {})

describe('bytes of sockets that nobody knows', () => {
  it('[BU5] who has become known pays nothing, and what he brought counts no more', () => {
    const all = waiting({ waitingBytes: 200_000 })
    const [known, other] = [new Stranger(), new Stranger()]
    all.guard(known).bytes?.(190_000)
    known.isOpen = true
    all.guard(other).bytes?.(100_000)
    expect([known.closes, other.closes, all.taken]).toEqual([[], [], 100_000])
  })

  it('[BU5] what came in pieces is not counted again when it is whole', () => {
    const all = waiting({})
    const one = new Stranger()
    const events = all.guard(one)
    events.bytes?.(190_000)
    events.text('x'.repeat(189_000))
    expect([one.closes, one.texts.length, all.taken]).toEqual([[], 1, 190_000])
  })

  it('[BU5] none may bring more than a frame', () => {
    const all = waiting({ frameBytes: 65_536, messageBytes: 10_000 })
    const one = new Stranger()
    all.guard(one).bytes?.(65_537)
    expect(one.closes).toEqual(['tooLarge'])
  })
})

describe('whose share something takes', () => {
  it('[BU1] is told apart by address where addressOf names one, else by client, and by user where there is one', () => {
    const { core } = fakeServer({ addressOf: ({ headers }) => headers['x-real-ip'] as string | undefined })
    const holder = (ip: string | undefined, client: string, user: string | null = null): Holder => {
      const request = { headers: { 'x-real-ip': ip }, origin: undefined, remoteAddress: undefined }
      core.gate.enter(request)
      return core.budgets.holderOf({ user, client }, request)
    }
    expect(holder('::1', 'a')).toEqual(holder('::1', 'b'))
    expect(holder('::1', 'a')).not.toEqual(holder('::2', 'a'))
    expect(holder(undefined, 'a')).not.toEqual(holder(undefined, 'b'))
    expect(holder('::1', 'a', 'ada')).toEqual({ pool: 'user', name: 'ada' })
  })
})

describe('a session', () => {
  it('[BU1] takes of the share of whoever came with it', async () => {
    const { core, open } = fakeServer()
    const admit = vi.spyOn(core.engine, 'admit')
    const { client } = await open()
    expect(admit.mock.lastCall?.[0].holder).toEqual({ pool: 'anonymous', name: `client ${client}` })
  })
})

describe('a handler that finds no room for a channel', () => {
  it('[EF2] [P45] [BU4] is told so by the share of the sender, is tried again, and is counted', async () => {
    const told: unknown[] = []
    const { core, open, clock } = fakeServer({
      engine: memoryEngine({ maxChannels: 1 }),
      onMessage: (_message, { publish }) => {
        try {
          publish('b', 1)
        } catch (error) {
          told.push((error as { readonly code?: unknown }).code)
          throw error
        }
      },
    })
    await core.publish('a', 1)
    const peer = await open()
    peer.say({ type: 'send', confirmed: 0, messages: numberedMessages(1, 1) })
    await clock.pass(60_000)
    expect(told).toEqual(Array.from({ length: 5 }, () => 'storage-full'))
    expect(peer.last('ack').outcomes).toMatchObject([{ n: 1, rejected: 'failed' }])
    expect(core.metrics().totals).toMatchObject({ 'refused.channels': 5 })
  })
})

describe('turns', () => {
  /** How many values one more connection gets at once. */
  const atOnce = ({ core }: ReturnType<typeof fakeServer>, pool: 'user' | 'anonymous'): number => {
    const turns = core.budgets.turnsOf({ pool, name: 'x' })
    return Array.from({ length: 8 }, () => turns.every((each) => each.turn() === undefined)).filter(Boolean).length
  }

  it('[BU6] anonymous connections have ten times the pace of one together where others sign in, and nobody else waits for them', async () => {
    const limits = { channels: 2, snapshotsPerSecond: 10 }
    const server = fakeServer({ limits, authenticate: () => null })
    const anonymous = (): number => atOnce(server, 'anonymous')
    expect([atOnce(server, 'user'), anonymous(), anonymous(), anonymous(), anonymous(), atOnce(server, 'user')]).toEqual([8, 8, 8, 4, 0, 8])
    // A hundred a second: those who wait have had theirs, and ten are left.
    await server.clock.pass(300)
    expect([anonymous(), anonymous()]).toEqual([8, 8])
    const open = fakeServer({ limits })
    expect([1, 2, 3, 4].map(() => atOnce(open, 'anonymous'))).toEqual([8, 8, 8, 8])
  })

  it('[BU6] come in the order in which they were asked for: who comes late passes nobody who waits', async () => {
    const clock = new FakeClock()
    const turns = new Turns(clock, 1_000, 1)
    expect(turns.turn()).toBeUndefined()
    const come: string[] = []
    void turns.turn()?.come.then(() => come.push('first'))
    clock.advance(10)
    void turns.turn()?.come.then(() => come.push('second'))
    await clock.pass(200)
    expect(come).toEqual(['first', 'second'])
  })
})
