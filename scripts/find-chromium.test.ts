import { afterEach, describe, expect, it, vi } from 'vitest'
import { findChromium, locateChromium } from './find-chromium.mjs'

describe('finding a Chromium', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('HOLDFAST_CHROMIUM comes before everything else', () => {
    vi.stubEnv('HOLDFAST_CHROMIUM', process.execPath)
    expect([locateChromium(), findChromium()]).toEqual([process.execPath, process.execPath])
  })

  it('HOLDFAST_CHROMIUM that names nothing is an error, not a reason to take another', () => {
    vi.stubEnv('HOLDFAST_CHROMIUM', '/no/such/browser')
    expect(() => findChromium()).toThrow('/no/such/browser')
  })
})
