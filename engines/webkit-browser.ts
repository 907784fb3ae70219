import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { findWebKit } from '../scripts/find-webkit.mjs'
import type { EngineBrowser, EngineTab } from './engine-browser.ts'
import { openWebDriverSession, type WebDriverSession } from './web-driver.ts'

/** Longest time the driver may take to listen. */
const START_MS = 20_000

/** What a machine without a graphics card, a desktop or a user session needs. */
const PLAIN_MACHINE = { LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_DMABUF_RENDERER: '1', NO_AT_BRIDGE: '1', GSETTINGS_BACKEND: 'memory' }

/** Starts a WebKitGTK: its small browser on a display of its own, by its WebDriver. */
export async function startWebKit(): Promise<EngineBrowser> {
  const programs = findWebKit()
  const children: ChildProcess[] = []
  const begin = (program: string, args: readonly string[], stdio: StdioOptions, env: NodeJS.ProcessEnv = process.env): ChildProcess => {
    // A group of its own: what it starts ends with it.
    const child = spawn(program, args, { stdio, env, detached: true })
    children.push(child)
    return child
  }
  const end = async (): Promise<void> => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue
      const exited = once(child, 'exit')
      process.kill(-child.pid, 'SIGKILL')
      await exited
    }
  }
  try {
    const screen = begin(
      programs.displayServer,
      ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'],
      ['ignore', 'ignore', 'ignore', 'pipe'],
    )
    const [display] = (await once(screen.stdio[3] as Readable, 'data')) as [Buffer]
    const port = await freePort()
    begin(programs.driver, [`--port=${port}`, '--host=127.0.0.1'], 'ignore', {
      ...process.env,
      ...PLAIN_MACHINE,
      DISPLAY: `:${String(display).trim()}`,
    })
    const base = `http://127.0.0.1:${port}`
    await listening(base)
    const session = await openWebDriverSession(base, {
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': { binary: programs.browser, args: ['--automation'] },
    })
    return {
      version: `WebKitGTK ${String(session.capabilities['browserVersion'])}`,
      async openTab(url) {
        const opened = await session.inWindow(session.first, (command) => command('POST', '/window/new', { type: 'tab' }))
        const tab = tabOf(session, (opened as { handle: string }).handle)
        await tab.load(url)
        return tab
      },
      async close() {
        await session.inWindow(session.first, (command) => command('DELETE', '')).catch(() => {})
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

function tabOf(session: WebDriverSession, handle: string): EngineTab {
  return {
    async evaluate<Args extends readonly unknown[], Value>(run: (...args: Args) => Value | Promise<Value>, ...args: Args) {
      const script = `const [args, done] = arguments
        Promise.resolve().then(() => (${String(run)})(...args)).then((value) => done({ value }), (error) => done({ error: String(error) }))`
      const answer = await session.inWindow(handle, (command) => command('POST', '/execute/async', { script, args: [args] }))
      const { value, error } = answer as { value: Value; error?: string }
      if (error !== undefined) throw new Error(error)
      return value
    },
    async load(url) {
      await session.inWindow(handle, (command) => command('POST', '/url', { url }))
    },
    async close() {
      await session.inWindow(handle, (command) => command('DELETE', '/window'))
    },
  }
}

/** A port that was free a moment ago: the driver takes none by itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function listening(base: string): Promise<void> {
  const untilMs = Date.now() + START_MS
  for (;;) {
    try {
      await fetch(`${base}/status`)
      return
    } catch (error) {
      if (Date.now() > untilMs) throw error
      await new Promise((resolve) => void setTimeout(resolve, 50))
    }
  }
}
