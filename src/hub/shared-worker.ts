/**
 * The hub's script (`holdfast/hub`): run it in a `SharedWorker` whose name `connect()` gives, or, where there is none,
 * in a `Worker` of that name. It needs nothing else from the app. Anywhere else it starts nothing: in a page it says so
 * on the console.
 *
 * @packageDocumentation
 */
import { listenForPorts } from '../bridge/broadcast-port.ts'
import { browserPlatform, openBroadcast } from './browser-platform.ts'
import { createHub } from './hub.ts'

declare const self: SharedWorkerGlobalScope | DedicatedWorkerGlobalScope

function start(): void {
  const platform = browserPlatform(self.name, 'onconnect' in self)
  const hub = createHub(platform)
  if ('onconnect' in self) self.addEventListener('connect', ({ ports: [port] }) => port && hub.connect(port))
  else listenForPorts(openBroadcast, self.name, platform.random.id(), (port) => hub.connect(port))
}

if ('WorkerGlobalScope' in globalThis) start()
else if ('document' in globalThis) console.error('holdfast: holdfast/hub is the script of a worker, and starts nothing in a page.')
