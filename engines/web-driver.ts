/** The commands of a W3C WebDriver session that take a method, a path below the session, and a body. */
export type Command = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) => Promise<unknown>

/** A session at a WebDriver server. One command runs at a time: which window it means is a state of the session. */
export interface WebDriverSession {
  readonly capabilities: Readonly<Record<string, unknown>>
  /** The window the session began with. */
  readonly first: string
  /** Runs commands with nothing of another caller in between, in a window. */
  inWindow<T>(handle: string, run: (command: Command) => Promise<T>): Promise<T>
}

/** Opens a session at the server `base`. Fails as the server says. */
export async function openWebDriverSession(base: string, alwaysMatch: object): Promise<WebDriverSession> {
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${base}${path}`, {
      method,
      ...(method === 'POST' ? { body: JSON.stringify(body ?? {}), headers: { 'content-type': 'application/json' } } : {}),
    })
    const { value } = (await response.json()) as { value: unknown }
    if (response.ok) return value
    const { error, message } = value as { error: string; message: string }
    throw new Error(`${method} ${path}: ${error}: ${message}`)
  }
  const opened = (await call('POST', '/session', { capabilities: { alwaysMatch } })) as {
    sessionId: string
    capabilities: Record<string, unknown>
  }
  const command: Command = (method, path, body) => call(method, `/session/${opened.sessionId}${path}`, body)
  let queue: Promise<unknown> = Promise.resolve()
  return {
    capabilities: opened.capabilities,
    first: (await command('GET', '/window')) as string,
    inWindow(handle, run) {
      const done = queue.then(async () => {
        await command('POST', '/window', { handle })
        return run(command)
      })
      queue = done.catch(() => {})
      return done
    },
  }
}
