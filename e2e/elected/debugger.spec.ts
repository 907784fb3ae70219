import { hasStatus, showsAll, test } from '../harness/test.ts'

test('[EL9] [I32] a tab that a debugger held has all that was published meanwhile soon after it runs again', async ({ lab, openTab }) => {
  const tabs = [await openTab(), await openTab()]
  for (const page of tabs) await hasStatus(page, 'connected')
  for (const held of tabs) {
    const free = tabs.find((page) => page !== held)
    const session = await held.context().newCDPSession(held)
    await session.send('Debugger.enable')
    const paused = new Promise((resolve) => session.once('Debugger.paused', resolve))
    // The next script that runs there is held.
    await session.send('Debugger.pause')
    await paused
    // More than may be on its way unanswered: the hub waits for the tab.
    for (let n = 0; n < 20; n++) await lab.publish('board', `${n}, while tab ${tabs.indexOf(held)} is held`)
    await showsAll(free ? [free] : [], lab)
    await session.send('Debugger.resume')
    await session.detach()
    await showsAll(tabs, lab)
  }
})
