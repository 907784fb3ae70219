import { expect, hasStatus, openProbe, sendQueued, test, texts } from './harness/test.ts'

const DAY_MS = 86_400_000

for (const [title, offMs] of [
  ['weeks ahead', 60 * DAY_MS],
  ['weeks behind', -60 * DAY_MS],
  ['before 1970', -100 * 365.25 * DAY_MS],
] as const) {
  test(`[OB24] [I35] a page whose clock is ${title} has what it sent without a network applied, and nothing of it expires`, async ({
    lab,
    context,
  }) => {
    const page = await context.newPage()
    await page.clock.setSystemTime(new Date(Date.now() + offMs))
    await openProbe(page, lab)
    await hasStatus(page, 'connected')
    await lab.proxy.set({ kind: 'refuse' })
    lab.proxy.cutAll()
    await hasStatus(page, 'waiting')
    await sendQueued(page, 'board', texts('offline', 5))
    const shown = await page.evaluate(() => {
      const stop = window.probe.connection.outbox.subscribe(() => {})
      return new Promise<number[]>((resolve) => {
        const look = (): void => {
          const { pending } = window.probe.connection.outbox.current
          if (pending.length < 5) return void setTimeout(look, 10)
          stop()
          resolve(pending.map(({ atMs }) => atMs))
        }
        look()
      })
    })
    for (const atMs of shown) expect(Math.abs(Date.now() - atMs)).toBeLessThan(60_000)
    await lab.proxy.set({ kind: 'pass' })
    await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual(texts('offline', 5))
    await expect.poll(() => page.evaluate(() => new Set(Object.values(window.probe.fates())).size)).toBe(1)
    expect(await page.evaluate(() => Object.values(window.probe.fates())[0])).toBe('applied')
  })
}
