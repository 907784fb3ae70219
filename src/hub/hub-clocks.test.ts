import { describe, expect, it } from 'vitest'
import { DEFAULT_OUTBOX } from '../core/settings.ts'
import { id, message } from '../core/testing/frames.ts'
import { numbersSent, perTest, say, settled, twoTabs, type TestTab, type TestWorld } from './test-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

const HOUR_MS = 3_600_000
const outbox = { ...DEFAULT_OUTBOX, maxAgeMs: HOUR_MS }

/** The hub is gone; 6 s later the next one has its store open. */
async function nextHub(): Promise<TestTab> {
  const tab = world.tab(world.hub(1))
  await tab.attach({}, { outbox })
  world.clock.advance(6_000)
  await settled()
  return tab
}

/** What happens to the clocks of a hub that lives. */
const happenings: readonly [string, (clock: TestWorld['clock']) => void][] = [
  ['the machine slept for a night', (clock) => clock.sleep(8 * HOUR_MS)],
  ['the wall clock was moved ahead by a day', (clock) => clock.jump(24 * HOUR_MS)],
  ['the wall clock was moved back by a day', (clock) => clock.jump(-24 * HOUR_MS)],
]

describe.each(happenings)('when %s under a hub', (_what, happen) => {
  it('[ST18] [OB8] [I35] the next one names what was confirmed in the last minutes', async () => {
    const { one, socket } = await twoTabs(world)
    happen(world.clock)
    await one.hub.send([message('m')])
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('m'), outcomes: [] })
    const tab = await nextHub()
    await world.accept({ ledger: id('another'), client: { hi: 1, id: id('m') } })
    await world.accept({ ledger: id('another') })
    const notices = tab.batches.flatMap(({ notices: told = [] }) => told)
    expect(notices).toMatchObject([{ event: { reason: 'ledger', mayBeLost: [id('m')], atMs: world.clock.nowMs() } }])
  })

  it('[OB24] [OB15] [I35] the next one sends what is young, and expires it at its age', async () => {
    const one = world.tab(world.hub())
    await one.attach({}, { outbox })
    happen(world.clock)
    await one.hub.send([message('m')])
    const takenMs = world.clock.nowMs()
    const tab = await nextHub()
    await tab.hub.signal('watch-outbox')
    world.clock.advance(HOUR_MS - 60_000)
    await settled()
    expect(tab.batches.findLast((batch) => batch.outbox)?.outbox).toMatchObject({ pending: [{ atMs: takenMs }], parked: [] })
    world.clock.advance(120_000)
    await settled()
    const late = await world.accept()
    expect(numbersSent(late)).toEqual([])
    expect(tab.batches.findLast((batch) => batch.outbox)?.outbox).toMatchObject({ pending: [], parked: [{ id: id('m'), atMs: takenMs }] })
  })

  it('[OB24] [I35] what waited before ages by what has passed', async () => {
    const one = world.tab(world.hub())
    await one.attach({}, { outbox })
    await one.hub.send([message('before')])
    world.clock.advance(60_000)
    happen(world.clock)
    await one.hub.send([message('after')])
    await nextHub()
    const next = await world.accept()
    expect(numbersSent(next)).toEqual([
      [1, id('before')],
      [2, id('after')],
    ])
  })
})

describe('from one hub to the next', () => {
  it('[OB24] the wall clock is what messages age by', async () => {
    const one = world.tab(world.hub())
    await one.attach({}, { outbox })
    await one.hub.send([message('m')])
    world.clock.jump(2 * HOUR_MS)
    await nextHub()
    expect(numbersSent(await world.accept())).toEqual([])
  })
})
