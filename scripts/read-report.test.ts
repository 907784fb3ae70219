import { describe, expect, it } from 'vitest'
import { readPlaywrightReport, readVitestReport } from './read-report.mjs'

describe('reports', () => {
  const vitest = { numPassedTests: 7, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 }
  const failed = { status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] }
  const passed = { status: 'passed', assertionResults: [{ status: 'passed' }] }

  it('a file that vitest could not run counts as one failure beside the failed tests', () => {
    const broken = { status: 'failed', assertionResults: [] }
    expect(readVitestReport(JSON.stringify({ ...vitest, testResults: [passed, failed] }))).toEqual({ passed: 7, failed: 1, skipped: 3 })
    expect(readVitestReport(JSON.stringify({ ...vitest, testResults: [passed, failed, broken] }))).toEqual({
      passed: 7,
      failed: 2,
      skipped: 3,
    })
  })

  it('flaky tests and errors outside tests count as failures of Playwright', () => {
    const stats = { expected: 5, unexpected: 1, flaky: 1, skipped: 2 }
    expect(readPlaywrightReport(JSON.stringify({ stats, errors: [{}] }))).toEqual({ passed: 5, failed: 3, skipped: 2 })
  })

  it('a report without its counts is an error', () => {
    expect(() => readVitestReport('{}')).toThrow()
    expect(() => readPlaywrightReport('')).toThrow()
  })
})
