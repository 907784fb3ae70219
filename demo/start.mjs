import { startDemo } from './server.mjs'

const demo = await startDemo({ port: Number(process.env['PORT'] ?? 4173) })

console.log(`
  Holdfast demo   ${demo.url}

  Open it in two tabs, then try:
    - Cut the network, send a message, reload the page, heal: it arrives once.
    - Kill the worker: the tabs find each other again.
    - Crash the server: it forgets everything, and the page says what that means.

  Ctrl+C ends it.
`)

let isEnding = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    // The second one does not wait.
    if (isEnding) process.exit(1)
    isEnding = true
    void demo.close().then(() => process.exit(0))
  })
}
