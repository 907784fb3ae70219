import { randomBytes } from 'node:crypto'
import { PROTOCOL_VERSION, type ClientMessage, type ServerMessage } from 'holdfast/protocol'
import { WebSocket } from 'ws'

const AT_ONCE = 10
const DEADLINE_MS = 8_000

/** So many clients of another user come to a server, each with one message, and go. Gives how many had an answer. */
export async function fillServer(port: number, count: number): Promise<string> {
  let left = count
  let served = 0
  const endMs = Date.now() + DEADLINE_MS
  const comeAndGo = async (): Promise<void> => {
    while (left-- > 0 && Date.now() < endMs) if (await visit(port, endMs)) served++
  }
  await Promise.all(Array.from({ length: AT_ONCE }, comeAndGo))
  return `${served} clients`
}

function visit(port: number, endMs: number): Promise<boolean> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, { perMessageDeflate: false })
  const say = (message: ClientMessage): void => socket.send(JSON.stringify(message))
  const client = randomId()
  return new Promise((resolve) => {
    let isServed = false
    const late = setTimeout(() => socket.terminate(), Math.max(0, endMs - Date.now()))
    socket.on('open', () =>
      say({
        type: 'hello',
        protocol: PROTOCOL_VERSION,
        client,
        sender: randomId(),
        confirmed: 0,
        user: 'stranger',
        session: null,
        credential: 'stranger',
        subscriptions: [],
      }),
    )
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      // What it says is short and comes whole; a report is not for it.
      if (!text.startsWith('{')) return
      const { type } = JSON.parse(text) as ServerMessage
      const message = { n: 1, id: randomId(), channel: 'board', data: { key: 'stranger', reject: true, personal: false } }
      if (type === 'session_init') say({ type: 'send', confirmed: 0, messages: [message] })
      if (type !== 'ack') return
      isServed = true
      socket.close()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(late)
      resolve(isServed)
    })
  })
}

function randomId(): string {
  return randomBytes(16).toString('base64url')
}
