import { happened, openPeople, setCredential, signIn, textOnDisk, timesAsked, type People } from './harness/people.ts'
import { expect, hasStatus, sendQueued, test as base } from './harness/test.ts'

const test = base.extend<{ people: People }>({
  people: async ({}, use) => {
    const people = await openPeople()
    await use(people)
    await people.lab.close()
  },
})

const signOut = (park: boolean) => window.probe.connection.signOut({ park })

test('[SO1] [SO4] [SO5] [I26] signing out ends the session on the server and in every tab, and leaves nothing on disk', async ({
  context,
  people,
}) => {
  const { lab, heard } = people
  const [one, two] = [await signIn(await context.newPage(), lab, 'ada-1'), await signIn(await context.newPage(), lab, 'ada-1')]
  for (const page of [one, two]) await hasStatus(page, 'connected')
  await sendQueued(one, 'board', ['a secret of ada'])
  await expect.poll(() => two.evaluate(() => window.probe.views['board'])).toEqual(['a secret of ada'])
  await expect.poll(() => textOnDisk(one)).toContain('a secret of ada')
  expect(lab.live.metrics().sessions).toBe(1)

  // What was sent in the same breath goes out before.
  const left = await one.evaluate(async () => {
    window.probe.send('board', 'goodbye')
    return window.probe.connection.signOut()
  })
  expect(left).toEqual({ discarded: 0, serverTold: true })
  expect(heard.map(({ data }) => data)).toEqual(['a secret of ada', 'goodbye'])
  expect(lab.live.metrics()).toMatchObject({ sessions: 0, sockets: 0 })
  await hasStatus(two, 'closed')
  await hasStatus(one, 'closed')
  expect(await happened(one)).toEqual([{ signedOut: { here: true } }])
  expect(await happened(two)).toEqual([{ signedOut: { here: false } }])
  const text = await textOnDisk(one)
  for (const secret of ['secret', 'goodbye', '"token"']) expect(text).not.toContain(secret)

  await lab.live.sendToUser('ada', 'after')
  await lab.publish('board', 'after')
  expect(lab.live.metrics().sockets).toBe(0)
  expect(await happened(two)).toHaveLength(1)
})

test('[SO3] [SO5] without a network the user leaves all the same, and hears how many messages were lost', async ({ context, people }) => {
  const { lab, heard } = people
  const page = await signIn(await context.newPage(), lab, 'ada-1')
  await hasStatus(page, 'connected')
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(page, 'waiting')
  await sendQueued(page, 'board', ['one', 'two', 'three'])
  expect(await textOnDisk(page)).toContain('three')
  expect(await page.evaluate(signOut, false)).toEqual({ discarded: 3, serverTold: false })
  expect(await textOnDisk(page)).not.toContain('three')
  await lab.proxy.set({ kind: 'pass' })
  await signIn(page, lab, 'ada-1')
  await hasStatus(page, 'connected')
  expect(heard).toEqual([])
})

test('[SO6] [SO8] [I25] [I26] another user gets another session, outbox and cache; what was parked waits for its own user', async ({
  context,
  people,
}) => {
  const { lab, heard } = people
  const [one, two] = [await signIn(await context.newPage(), lab, 'ada-1'), await signIn(await context.newPage(), lab, 'ada-1')]
  for (const page of [one, two]) await hasStatus(page, 'connected')
  await sendQueued(one, 'board', ['seen by ada'])
  await expect.poll(() => two.evaluate(() => window.probe.views['board'])).toEqual(['seen by ada'])
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(one, 'waiting')
  await sendQueued(one, 'board', ['parked by ada'])
  expect(await one.evaluate(signOut, true)).toEqual({ discarded: 0, serverTold: false })
  await hasStatus(two, 'closed')
  const parked = await textOnDisk(one)
  expect(parked).toContain('parked by ada')
  expect(parked).not.toContain('seen by ada')
  expect(parked).not.toContain('"token"')

  // Another one, without a network: nothing of the first is there.
  await one.evaluate(() => window.probe.events.splice(0))
  await one.reload()
  await signIn(one, lab, 'bob-1')
  await sendQueued(one, 'board', ['by bob'])
  expect(await one.evaluate(() => window.probe.views['board'])).toEqual([])
  await expect.poll(() => one.evaluate(() => window.probe.state().pending)).toBe(1)
  await lab.proxy.set({ kind: 'pass' })
  await hasStatus(one, 'connected')
  await expect
    .poll(() => heard.map(({ user, data }) => [user, data]))
    .toEqual([
      ['ada', 'seen by ada'],
      ['bob', 'by bob'],
    ])

  // Both at once, each with what is meant for them.
  await two.reload()
  await signIn(two, lab, 'ada-1')
  await hasStatus(two, 'connected')
  await expect.poll(() => heard.map(({ user, data }) => [user, data]).slice(2)).toEqual([['ada', 'parked by ada']])
  expect(new Set(heard.map(({ client }) => client)).size).toBe(3)
  expect(lab.live.metrics().sockets).toBe(2)
  await lab.live.sendToUser('ada', 'for ada')
  await lab.live.sendToUser('bob', 'for bob')
  await expect.poll(() => happened(one)).toEqual([{ user: 'for bob' }])
  await expect.poll(() => happened(two)).toEqual([{ user: 'for ada' }])
})

test('[SO9] [I27] a credential that ended while offline is refused once, and another one is found without the app saying so', async ({
  context,
  people,
}) => {
  const { lab, valid, presented, heard } = people
  const page = await signIn(await context.newPage(), lab, 'ada-1')
  await hasStatus(page, 'connected')
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(page, 'waiting')
  await sendQueued(page, 'board', ['while it ended'])
  valid.delete('ada-1')
  await lab.proxy.set({ kind: 'pass' })
  await hasStatus(page, 'refused')
  expect(await page.evaluate(() => window.probe.state())).toMatchObject({ status: 'refused', reason: 'auth', pending: 1 })

  // However often somebody comes back, the same credential is not tried again.
  const tries = presented.length
  for (let round = 1; round <= 30; round++) {
    const asked = await timesAsked(page)
    await page.evaluate(() => dispatchEvent(new Event('online')))
    await expect.poll(() => timesAsked(page), { intervals: [10] }).toBe(asked + 1)
  }
  expect(presented).toHaveLength(tries)
  await hasStatus(page, 'refused')

  valid.add('ada-2')
  await setCredential(page, 'ada-2')
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await hasStatus(page, 'connected')
  await expect.poll(() => heard.map(({ user, data }) => [user, data])).toEqual([['ada', 'while it ended']])
  expect(presented.slice(tries)).toEqual(['ada-2'])
})
