import { expect, eventsOf, hasStatus, sendQueued, showsAll, test, texts } from './harness/test.ts'

test('[I20] twenty tabs make one socket, and closing any of them changes nothing for the others', async ({ lab, openTab, rung }) => {
  test.setTimeout(90_000)
  const pages = []
  for (let at = 0; at < 20; at++) pages.push(await openTab())
  for (const page of pages) await hasStatus(page, 'connected')
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
  expect(lab.proxy.connections).toHaveLength(1)

  const [first, second, ...rest] = pages
  if (!first || !second) throw new Error('no tabs')
  await first.close()
  await rest.pop()?.close()
  await rest.splice(5, 1)[0]?.close()
  await lab.publish('board', ...texts('after', 5))
  await sendQueued(second, 'board', texts('sent', 5))
  await expect.poll(() => lab.applied.length).toBe(5)
  await showsAll([second, ...rest], lab)
  // The first tab had the hub, where it runs in a tab: another one has it now.
  expect(lab.proxy.connections).toHaveLength(rung === 'shared' ? 1 : 2)
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
  for (const page of rest) expect((await eventsOf(page, 'state')).at(-1)?.state.status).toBe('connected')
})

test('[I20] a late tab gets snapshot and recent messages from the hub without the server being asked', async ({ lab, openTab }) => {
  lab.database.set('board', texts('old', 3))
  const first = await openTab()
  await hasStatus(first, 'connected')
  await lab.publish('board', ...texts('new', 4))
  await showsAll([first], lab)
  const before = lab.live.metrics()
  const bytes = lab.proxy.connections[0]?.bytes.toServer
  const late = await openTab()
  await showsAll([late], lab)
  expect((await eventsOf(late, 'snapshot')).map(({ value }) => value)).toEqual([texts('old', 3)])
  expect(lab.live.metrics()).toEqual(before)
  expect(lab.proxy.connections[0]?.bytes.toServer).toBe(bytes)
})
