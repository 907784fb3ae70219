import { defineConfig } from '@playwright/test'
import { CHROMIUM_FLAGS, findChromium } from './scripts/find-chromium.mjs'

export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/global-setup.ts',
  outputDir: 'test-results',
  // One browser at a time: tests kill renderers and count processes.
  workers: 1,
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 60_000,
  reporter: [['line'], ['json', { outputFile: '.reports/e2e.json' }]],
  use: { launchOptions: { executablePath: findChromium(), args: CHROMIUM_FLAGS } },
})
