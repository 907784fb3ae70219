import { defineConfig } from '@playwright/test'
import type { RungOption } from './e2e/harness/test.ts'
import { CHROMIUM_FLAGS, findChromium } from './scripts/find-chromium.mjs'

export default defineConfig<RungOption>({
  testDir: 'e2e',
  globalSetup: './e2e/global-setup.ts',
  outputDir: 'test-results',
  // One browser at a time: tests kill renderers and count processes.
  workers: 1,
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 60_000,
  reporter: [['line'], ['json', { outputFile: '.reports/e2e.json' }]],
  // What an app lives through happens on both rungs: with a SharedWorker, and with a worker in one of the tabs.
  projects: [
    { name: 'shared', testIgnore: ['**/elected/**', '**/long/**'] },
    {
      name: 'elected',
      testMatch: [
        'browser-kill',
        'cleared-site',
        'crashes',
        'hidden',
        'network',
        'reload',
        'server-restart',
        'skew',
        'sockets',
        'tabs',
        'told',
        'elected/*',
      ].map((name) => `**/${name}.spec.ts`),
      use: { rung: 'elected' },
    },
  ],
  use: { launchOptions: { executablePath: findChromium(), args: CHROMIUM_FLAGS } },
})
