/** How long messages for hidden tabs are collected, as in Holdfast. */
const HIDDEN_DELAY_MS = 1_000

/** @typedef {{ port: MessagePort, texts: string[], busy: boolean, hidden: boolean, timer: ReturnType<typeof setTimeout> | undefined }} Tab */
/** @type {Tab[]} */
const tabs = []
/** @type {WebSocket | undefined} */
let socket

globalThis.addEventListener('connect', (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports
  if (!port) return
  /** @type {Tab} */
  const tab = { port, texts: [], busy: false, hidden: false, timer: undefined }
  tabs.push(tab)
  port.addEventListener('message', ({ data }) => {
    if (data === 'next') tab.busy = false
    else if (data === 'visible' || data === 'hidden') tab.hidden = data === 'hidden'
    else connect(data, port)
    post(tab)
  })
  port.start()
})

/**
 * @param {string} host
 * @param {MessagePort} port
 */
function connect(host, port) {
  if (!socket) {
    socket = new WebSocket(`ws://${host}`)
    socket.addEventListener('message', ({ data }) => {
      for (const tab of tabs) {
        tab.texts.push(data)
        post(tab)
      }
    })
    socket.addEventListener('close', () => tabs.forEach((tab) => tab.port.postMessage('closed', [])))
  }
  if (socket.readyState === WebSocket.OPEN) port.postMessage('open', [])
  else socket.addEventListener('open', () => port.postMessage('open', []))
}

/** @param {Tab} tab */
function post(tab) {
  if (tab.busy || tab.texts.length === 0) return
  if (tab.hidden) tab.timer ??= setTimeout(() => postNow(tab), HIDDEN_DELAY_MS)
  else postNow(tab)
}

/** @param {Tab} tab */
function postNow(tab) {
  clearTimeout(tab.timer)
  tab.timer = undefined
  tab.busy = true
  tab.port.postMessage(`[${tab.texts.join()}]`, [])
  tab.texts = []
}
