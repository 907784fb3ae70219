import { expect, it } from 'vitest'
import { perTest, say, type TestTab, type TestWorld } from './test-hub.ts'

let world: TestWorld
perTest((made) => (world = made))

const lines = (tab: TestTab): string[] => tab.batches.flatMap(({ log = [] }) => log.map(({ event }) => event))

it('[DS9] [HU15] a storage that was taken away has a line of its own, for it is no failure of the hub', async () => {
  await world.tab(world.hub()).attach()
  await world.accept()
  world.loseStorage('deleted')
  expect(world.log).toContainEqual({ level: 'info', event: 'storage-lost', why: 'deleted' })
  expect(world.log.filter(({ level }) => level === 'error')).toEqual([])
})

it('[DS9] hands the lines of the hub to the tabs that want them, and to no other', async () => {
  const hub = world.hub()
  const [curious, other] = [world.tab(hub), world.tab(hub)]
  await curious.attach({ wantsLog: true })
  await other.attach()
  await say(await world.accept())
  expect(lines(curious)).toContain('session_init')
  expect(lines(curious)).toEqual(world.log.map(({ event }) => event))
  expect(lines(other)).toEqual([])
})
