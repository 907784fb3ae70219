// A page that connects by itself. What a test calls in a page runs with the page's policy lifted: such a call must not be on the stack of the library.
import { connect, type ConnectOptions } from 'holdfast'
import { registerServiceWorker } from 'holdfast/sw/register'

/** The part of the browser's Trusted Types that an app needs here. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

/** How an app under a policy starts its hub. */
export type Start = 'packaged' | 'hubUrl' | 'own' | 'own elected'

const { trustedTypes } = globalThis as unknown as { readonly trustedTypes: TrustedTypes }
const asked = new URLSearchParams(location.search)
const delayMs = Number(asked.get('delayMs') ?? 50)
const policyName = asked.get('policy')
const policy = policyName === null ? null : trustedTypes.createPolicy(policyName, { createScriptURL: (url) => url })

function startOptions(start: Start): Partial<ConnectOptions> {
  if (start === 'packaged') return {}
  if (start === 'hubUrl') return { hubUrl: '/hub.js' }
  return {
    ...(start === 'own elected' ? { shared: false } : {}),
    hub({ name, shared }) {
      const script = policy?.createScriptURL('/hub.js') ?? '/hub.js'
      const options = { type: 'module', name, extendedLifetime: true } as const
      return shared ? new SharedWorker(script, options) : new Worker(script, options)
    },
  }
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (!found) throw new Error(`no ${id}`)
  return found
}

const connection = connect({
  url: asked.get('url') ?? '',
  reconnect: { baseDelayMs: delayMs, maxDelayMs: delayMs, jitter: 0 },
  ...startOptions(asked.get('start') as Start),
})
const errors: string[] = []
const show = (): void => {
  const { status, shared, durable } = connection.state.current
  element('state').textContent = [status, shared ? 'shared' : 'elected', durable ? 'durable' : 'in memory', ...errors].join(' ')
}
connection.state.subscribe(show)
connection.on('error', ({ code }) => {
  errors.push(code)
  show()
})
show()

const board = connection.channel<string[], string>('board')
const add = (text: string): void => element('board').append(Object.assign(document.createElement('li'), { textContent: text }))
board.subscribe({
  snapshot(value) {
    element('board').replaceChildren()
    value?.forEach(add)
  },
  message: ({ data }) => add(data),
})
element('send').addEventListener('click', () => board.send('under a policy'))
// No page of ours may connect anywhere.
element('forbidden').addEventListener('click', () => void fetch('/forbidden').catch(() => {}))

if (asked.has('worker')) {
  registerServiceWorker(policy?.createScriptURL('/sw.js') ?? '/sw.js', {
    connection,
    failed({ code }) {
      errors.push(code)
      show()
    },
  })
}
