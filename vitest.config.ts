import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { CHROMIUM_FLAGS, locateChromium } from './scripts/find-chromium.mjs'

const executablePath = locateChromium()

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          environment: 'node',
          include: ['{src,sw,scripts,chaos,demo,engines,sim,soak}/**/*.test.ts'],
          exclude: ['**/*.browser.test.ts', '**/*.engines.test.ts'],
        },
      },
      {
        test: {
          name: 'engines',
          environment: 'node',
          include: ['engines/**/*.engines.test.ts'],
          globalSetup: 'e2e/global-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['{src,sw}/**/*.browser.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { args: CHROMIUM_FLAGS, ...(executablePath ? { executablePath } : {}) } }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
