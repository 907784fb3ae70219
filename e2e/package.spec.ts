import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Page } from '@playwright/test'
import { expect, test } from './harness/test.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const viteVersion = (createRequire(import.meta.url)('vite/package.json') as { version: string }).version

const MAIN = `
import { connect } from 'holdfast'
const connection = connect({ url: new URLSearchParams(location.search).get('live') })
const show = () => { document.title = connection.state.current.status + ' ' + connection.state.current.shared }
connection.state.subscribe(show)
show()
`

/** An app with a hub script of its own, whose every page load names another build: what the documents say for a dev server. */
const OWN_HUB_MAIN = `
import { connect } from 'holdfast'
const connection = connect({
  url: new URLSearchParams(location.search).get('live'),
  hub: ({ name }) => new SharedWorker(new URL('./hub.js', import.meta.url), { type: 'module', name }),
  build: crypto.randomUUID(),
  log: console.debug,
})
const show = () => { document.title = connection.state.current.status + ' ' + connection.state.current.shared }
connection.state.subscribe(show)
show()
const editions = new BroadcastChannel('editions')
editions.addEventListener('message', ({ data }) => { document.body.dataset[data] = '' })
setInterval(() => editions.postMessage('which'), 100)
`

/** The hub's script, which says which edition of it runs. */
const ownHub = (edition: string): string => `
import 'holdfast/hub'
const editions = new BroadcastChannel('editions')
editions.addEventListener('message', ({ data }) => { if (data === 'which') editions.postMessage('${edition}') })
`

/** Starts one of Vite's servers and gives the address it prints. */
async function serve(folder: string, args: readonly string[]): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(folder, 'node_modules/vite/bin/vite.js'), ...args, '--host', '127.0.0.1', '--port', '0'],
    {
      cwd: folder,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    let printed = ''
    const hear = (chunk: Buffer): void => {
      printed += String(chunk)
      const match = /http:\/\/127\.0\.0\.1:\d+\//.exec(printed)
      if (match) resolve(match[0])
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('exit', () => reject(new Error(`vite ended: ${printed}`)))
  })
  return {
    url,
    async stop() {
      child.kill()
      await exited
    },
  }
}

test('[HU1] [DS3] the packed package brings up its hub in the dev server, also when it is edited, and in the build of a fresh Vite app', async ({
  lab,
  context,
}) => {
  test.setTimeout(180_000)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-app-'))
  try {
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
    const tarball = stdout.trim().split('\n').at(-1) ?? ''
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>starting</title><script type="module" src="/main.js"></script>')
    await writeFile(join(folder, 'main.js'), MAIN)
    await run('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`, `vite@${viteVersion}`], { cwd: folder })

    const isUp = async (url: string): Promise<void> => {
      const page = await context.newPage()
      await page.goto(`${url}?live=${encodeURIComponent(lab.liveUrl)}`)
      await expect.poll(() => page.title(), { timeout: 20_000 }).toBe('connected true')
      await page.close()
    }
    const dev = await serve(folder, [])
    await isUp(dev.url)

    // A hub that is edited while tabs are open: the old one goes, they follow, and its lines are in their console.
    await writeFile(join(folder, 'hub.js'), ownHub('first'))
    await writeFile(join(folder, 'own.html'), '<!doctype html><title>starting</title><body><script type="module" src="/own.js"></script>')
    await writeFile(join(folder, 'own.js'), OWN_HUB_MAIN)
    const open = async (): Promise<{ page: Page; lines: string[] }> => {
      const page = await context.newPage()
      const lines: string[] = []
      page.on('console', (line) => lines.push(line.text()))
      await page.goto(`${dev.url}own.html?live=${encodeURIComponent(lab.liveUrl)}`)
      await expect.poll(() => page.title(), { timeout: 20_000 }).toBe('connected true')
      return { page, lines }
    }
    const before = await open()
    // From here on nobody tells this page to reload: the dev server does when a file changes, and then it is not the old hub's tab any more.
    await before.page.routeWebSocket(
      (address) => address.host === new URL(dev.url).host,
      () => {},
    )
    await before.page.reload()
    await expect.poll(() => before.page.title(), { timeout: 20_000 }).toBe('connected true')
    await expect(before.page.locator('body')).toHaveAttribute('data-first')
    await writeFile(join(folder, 'hub.js'), ownHub('second'))
    const after = await open()
    for (const { page } of [before, after]) {
      await expect(page.locator('body')).toHaveAttribute('data-second')
      await expect.poll(() => page.title()).toBe('connected true')
    }
    expect(before.lines.join()).toContain('hub-retired')
    await expect.poll(() => lab.live.metrics().sockets).toBe(1)
    for (const { page } of [before, after]) await page.close()
    await dev.stop()
    await run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn'], { cwd: folder })
    const preview = await serve(folder, ['preview'])
    await isUp(preview.url)
    await preview.stop()
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
