import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
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

test('[HU1] the packed package brings up its hub in the dev server and in the build of a fresh Vite app', async ({ lab, context }) => {
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
    await dev.stop()
    await run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn'], { cwd: folder })
    const preview = await serve(folder, ['preview'])
    await isUp(preview.url)
    await preview.stop()
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
