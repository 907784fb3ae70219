import { expect, test } from '@playwright/test'
import { startDemo } from '../demo/server.mjs'

test('[SO4] [SO8] [I26] in the demo two people use one browser, one after the other, in every tab', async ({ context }) => {
  const demo = await startDemo()
  try {
    const [page, other] = [await context.newPage(), await context.newPage()]
    for (const tab of [page, other]) {
      await tab.goto(demo.url)
      await expect(tab.getByRole('status')).toContainText('Connected')
    }
    const [first, second] = [await page.locator('#who').textContent(), await page.locator('#switch-person').textContent()]
    const name = (text: string | null): string => text?.replace(/^Sign(ed)? in as /, '') ?? ''
    await page.getByLabel('Message', { exact: true }).fill('my very last words')
    await page.keyboard.press('Enter')
    await expect(page.locator('.message.mine', { hasText: 'my very last words' })).toHaveAttribute('data-fate', 'applied')

    await page.locator('#switch-person').press('Enter')
    for (const tab of [page, other]) {
      await expect(tab.locator('#who')).toHaveText(`Signed in as ${name(second)}`)
      await expect(tab.locator('#switch-person')).toHaveText(`Sign in as ${name(first)}`)
      await expect(tab.getByRole('status')).toContainText('Connected')
      // Somebody else's now.
      await expect(tab.locator('.message', { hasText: 'my very last words' })).toHaveCount(1)
      await expect(tab.locator('.message.mine')).toHaveCount(0)
    }
    await other.getByLabel('Message', { exact: true }).fill('now it is me')
    await other.keyboard.press('Enter')
    await expect(page.locator('.message.mine', { hasText: 'now it is me' })).toHaveCount(1)
  } finally {
    await demo.close()
  }
})
