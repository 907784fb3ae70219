import { defineConfig } from '@playwright/test'
import shared from './playwright.config.ts'

/** Runs that need real minutes: `npm run test:long`. */
export default defineConfig({
  ...shared,
  testDir: 'e2e/long',
  timeout: 15 * 60_000,
  reporter: [['list'], ['json', { outputFile: '.reports/long.json' }]],
  projects: [{ name: 'long' }],
})
