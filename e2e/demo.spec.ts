import { expect, test } from '@playwright/test'
import { startDemo } from '../demo/server.mjs'

test('[I6] in the demo, by keyboard alone: cut, send, reload, heal; the message takes effect once, in every tab', async ({ context }) => {
  const demo = await startDemo()
  try {
    const [page, other] = [await context.newPage(), await context.newPage()]
    const troubles: string[] = []
    for (const tab of [page, other]) {
      tab.on('pageerror', (error) => troubles.push(error.message))
      await tab.goto(demo.url)
      await expect(tab.getByRole('status')).toContainText('Connected')
    }
    await page.bringToFront()
    const say = async (text: string): Promise<void> => {
      await page.getByLabel('Message', { exact: true }).focus()
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
    }
    const press = async (name: RegExp): Promise<void> => {
      await page.getByRole('button', { name }).focus()
      await page.keyboard.press('Enter')
    }
    const shown = (text: string): ReturnType<typeof page.locator> => page.locator('.message', { hasText: text })

    await press(/^Cut/)
    await expect(page.locator('#bar')).toHaveAttribute('data-status', 'waiting')
    await say('survives a reload')
    await expect(shown('survives a reload')).toHaveAttribute('data-fate', 'queued')
    await page.reload()
    await expect(shown('survives a reload')).toHaveAttribute('data-fate', 'queued')
    await press(/^Healthy/)
    await expect(shown('survives a reload')).toHaveAttribute('data-fate', 'applied', { timeout: 20_000 })
    await expect(shown('survives a reload')).toHaveCount(1)
    await expect(other.locator('.message', { hasText: 'survives a reload' })).toHaveCount(1, { timeout: 20_000 })

    await say('please reject this')
    await expect(shown('please reject this')).toHaveAttribute('data-fate', 'rejected')
    await expect(shown('please reject this').getByRole('button', { name: /again/i })).toBeVisible()
    await shown('please reject this')
      .getByRole('button', { name: /discard/i })
      .press('Enter')
    await expect(shown('please reject this')).toHaveCount(0)

    await press(/^Kill worker/)
    await say('after the worker died')
    await expect(shown('after the worker died')).toHaveAttribute('data-fate', 'applied', { timeout: 20_000 })
    await expect(other.locator('.message', { hasText: 'after the worker died' })).toHaveCount(1, { timeout: 20_000 })
    expect(troubles).toEqual([])
  } finally {
    await demo.close()
  }
})
