import { describe, expect, it } from 'vitest'
import type { AttachRequest, ChannelDelivery, Delivery, Result } from '../bridge/contract.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { id, settings } from '../core/testing/frames.ts'
import { TabChannel } from './tab-channel.ts'
import { TabSession, type FateNews } from './tab-session.ts'

const facts = { status: 'connected', pending: 0, durable: true, shared: true } as const
const event = { atMs: 1, reason: 'ledger', mayRepeat: [], mayBeLost: [], older: 0 } as const
const restart = { id: id('restart'), kind: 'outbox-restarted', event } as const

/** A session whose tab records batches and answers when it is told to. */
function sessionOf(
  changes: Partial<AttachRequest> = {},
  serve: (channel: TabChannel) => ChannelDelivery | null = ({ channel }) => ({ channel }),
) {
  const clock = createFakeClock()
  const batches: Delivery[] = []
  const waiting: ((answer: Result<null>) => void)[] = []
  const request = {
    tab: id('tab'),
    attempt: 1,
    visible: true,
    watchesOutbox: false,
    canAuthenticate: false,
    settings: settings(),
    ...changes,
  } as AttachRequest
  const tab = new TabSession(
    request,
    {
      deliver(batch) {
        batches.push(batch)
        return new Promise((resolve) => waiting.push(resolve))
      },
      push: (batch) => void batches.push(batch),
      credential: () => Promise.resolve({ ok: true, value: null }),
    },
    {
      hiddenDelayMs: 1_000,
      clock,
      state: () => facts,
      signOuts: () => 0,
      taken: () => null,
      outboxView: () => ({ pendingCount: 0, parkedCount: 0, pending: [], parked: [] }),
      serve: (_tab, channel) => serve(channel),
    },
  )
  return {
    tab,
    clock,
    batches,
    async answer(answer: Result<null> = { ok: true, value: null }): Promise<void> {
      waiting.shift()?.(answer)
      await Promise.resolve()
      await Promise.resolve()
    },
    wants(channel: string): TabChannel {
      const tabChannel = new TabChannel({ channel, position: null })
      tab.channels.set(channel, tabChannel)
      return tabChannel
    },
  }
}

const applied = (name: string): FateNews => ({ id: id(name), fate: 'applied' })

describe('the session of a tab', () => {
  it('[DS9] keeps the newest 100 lines for a tab that does not answer, and none for one that wants none', async () => {
    const { tab, batches, answer } = sessionOf({ wantsLog: true })
    const line = (n: number) => ({ level: 'info', event: `e${n}` }) as const
    tab.tellLine(line(0))
    for (let n = 1; n <= 130; n++) tab.tellLine(line(n))
    await answer()
    expect(batches.map(({ log }) => log)).toEqual([[line(0)], Array.from({ length: 100 }, (_, at) => line(at + 31))])
    const other = sessionOf()
    other.tab.tellLine(line(0))
    expect(other.batches).toEqual([])
  })

  it('[HU3] has one batch on its way at most, and the rest in the next', async () => {
    const { tab, batches, answer, wants } = sessionOf()
    tab.channelChanged(wants('a'))
    for (let n = 0; n < 50; n++) {
      tab.channelChanged(wants('b'))
      tab.tellFates([applied(`m${n}`)])
    }
    tab.tellNotices([restart])
    expect(batches).toEqual([{ state: facts, signOuts: 0, channels: [{ channel: 'a' }] }])
    await answer()
    expect(batches).toHaveLength(2)
    expect(batches[1]).toMatchObject({ channels: [{ channel: 'b' }], notices: [restart] })
    expect(batches[1]?.fates).toHaveLength(50)
    await answer()
    expect(batches).toHaveLength(2)
  })

  it('[HU3] gets few small batches of messages unanswered while it is seen, and each answered while it is hidden', async () => {
    const { tab, clock, batches, answer, wants } = sessionOf({}, ({ channel }) => ({ channel, messages: '[1]' }))
    tab.stateChanged()
    await answer()
    for (let n = 0; n < 100; n++) tab.channelChanged(wants('a'))
    expect(batches).toHaveLength(1 + 16)
    await answer()
    expect(batches).toHaveLength(1 + 16 + 1)

    const large = sessionOf({}, ({ channel }) => ({ channel, messages: 'x'.repeat(10_000) }))
    large.tab.stateChanged()
    await large.answer()
    for (let n = 0; n < 100; n++) large.tab.channelChanged(large.wants('a'))
    expect(large.batches).toHaveLength(1 + 2)

    tab.setVisible(false)
    for (let n = 0; n < 100; n++) {
      tab.channelChanged(wants('a'))
      clock.advance(1_000)
    }
    expect(batches).toHaveLength(1 + 16 + 1 + 1)
  })

  it('[HU3] tells state and outbox only when they changed', async () => {
    const { tab, batches, answer } = sessionOf({ watchesOutbox: true })
    tab.stateChanged()
    await answer()
    tab.outboxChanged()
    await answer()
    tab.tellFates([applied('m')])
    expect(batches.map((batch) => Object.keys(batch))).toEqual([['state', 'signOuts', 'outbox'], ['outbox'], ['fates']])
  })

  it('[HU3] shows the outbox to a tab from when it wants it', async () => {
    const { tab, batches, answer } = sessionOf()
    tab.stateChanged()
    await answer()
    tab.outboxChanged()
    expect(batches).toHaveLength(1)
    tab.watchesOutbox = true
    tab.outboxChanged()
    expect(batches[1]).toHaveProperty('outbox')
  })

  it('[HU3] sends nothing when there is nothing to say', async () => {
    const { tab, batches, answer, wants } = sessionOf({}, () => null)
    tab.stateChanged()
    await answer()
    tab.channelChanged(wants('a'))
    expect(batches).toHaveLength(1)
    tab.stateChanged()
    expect(batches).toHaveLength(2)
  })

  it('[HU3] [I30] keeps one error of each code for a tab that does not answer', async () => {
    const { tab, batches, answer } = sessionOf()
    tab.stateChanged()
    for (let n = 0; n < 1_000; n++) tab.tellError({ code: 'storage-failed', message: `try ${n}` })
    tab.tellError({ code: 'storage-full', message: 'full' })
    await answer()
    expect(batches[1]?.errors).toEqual([
      { code: 'storage-failed', message: 'try 999' },
      { code: 'storage-full', message: 'full' },
    ])
  })

  it('[HU2] does not serve a channel that was given up or begun anew while the batch waited', async () => {
    const served: TabChannel[] = []
    const { tab, answer, wants } = sessionOf({}, (channel) => {
      served.push(channel)
      return null
    })
    tab.stateChanged()
    const first = wants('a')
    tab.channelChanged(first)
    const second = wants('a')
    tab.channelChanged(second)
    tab.channelChanged(wants('b'))
    tab.channels.delete('b')
    await answer()
    expect(served).toEqual([second])
  })

  it('[HU4] serves a hidden tab within the delay, all at once', async () => {
    const { tab, batches, clock, answer, wants } = sessionOf({ visible: false })
    tab.channelChanged(wants('a'))
    clock.advance(600)
    tab.channelChanged(wants('b'))
    clock.advance(399)
    expect(batches).toEqual([])
    clock.advance(1)
    expect(batches).toEqual([{ state: facts, signOuts: 0, channels: [{ channel: 'a' }, { channel: 'b' }] }])
    tab.channelChanged(wants('c'))
    await answer()
    expect(batches).toHaveLength(1)
    clock.advance(1_000)
    expect(batches).toHaveLength(2)
    expect(clock.running).toBe(0)
  })

  it('[HU4] serves a tab as soon as it is visible', () => {
    const { tab, batches, clock, wants } = sessionOf({ visible: false })
    tab.channelChanged(wants('a'))
    tab.setVisible(true)
    expect(batches).toHaveLength(1)
    expect(clock.running).toBe(0)
  })

  it('[HU4] posts nothing to a suspended tab and keeps nothing for it', async () => {
    const { tab, batches, clock, answer, wants } = sessionOf({ visible: false })
    tab.channelChanged(wants('a'))
    tab.end()
    expect(clock.running).toBe(0)
    tab.channelChanged(wants('b'))
    tab.tellFates([applied('m')])
    tab.tellError({ code: 'storage-failed', message: '' })
    tab.tellNotices([restart])
    tab.stateChanged()
    tab.setVisible(true)
    clock.advance(10_000)
    await answer()
    expect(batches).toEqual([])
  })

  it('[HU4] posts nothing after the answer of a tab that was suspended meanwhile', async () => {
    const { tab, batches, answer, wants } = sessionOf()
    tab.stateChanged()
    tab.channelChanged(wants('a'))
    tab.end()
    await answer()
    expect(batches).toHaveLength(1)
  })

  it('[HU16] posts nothing more to a port that is closed', async () => {
    const { tab, batches, answer } = sessionOf()
    tab.stateChanged()
    tab.tellFates([applied('m')])
    await answer({ ok: false, error: { code: 'closed', message: '' } })
    tab.stateChanged()
    expect(batches).toHaveLength(1)
  })
})
