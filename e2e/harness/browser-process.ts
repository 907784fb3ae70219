import { spawn, type ChildProcess } from 'node:child_process'
import { chromium, type Browser } from '@playwright/test'
import { CHROMIUM_FLAGS, findChromium } from '../../scripts/find-chromium.mjs'

/** A whole browser, all of whose processes can be stopped at once. */
export interface BrowserProcess {
  readonly browser: Browser
  /** Nothing of it runs, as when the lid of a laptop is closed. */
  sleep(): void
  wakeUp(): void
  /** Ends all of it without a word. */
  kill(): Promise<void>
}

/** Starts a browser in a process group of its own, with the profile in that folder. */
export async function startBrowserProcess(profile: string): Promise<BrowserProcess> {
  const child: ChildProcess = spawn(
    findChromium(),
    [...CHROMIUM_FLAGS, '--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const endpoint = await new Promise<string>((resolve, reject) => {
    let printed = ''
    child.once('exit', () => reject(new Error(`the browser ended: ${printed}`)))
    child.stderr?.on('data', (chunk: Buffer) => {
      printed += String(chunk)
      const match = /DevTools listening on (ws:\S+)/.exec(printed)
      if (match?.[1]) resolve(match[1])
    })
  })
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid !== undefined) process.kill(-child.pid, name)
  }
  const browser = await chromium.connectOverCDP(endpoint)
  return {
    browser,
    sleep: () => signal('SIGSTOP'),
    wakeUp: () => signal('SIGCONT'),
    async kill() {
      signal('SIGKILL')
      await exited
      await browser.close().catch(() => {})
    },
  }
}
