/**
 * The hub's script (`holdfast/hub`): run it in a `SharedWorker` whose name `connect()` gives. It needs nothing else from the app.
 *
 * @packageDocumentation
 */
import { browserPlatform } from './browser-platform.ts'
import { createHub } from './hub.ts'

declare const self: SharedWorkerGlobalScope

const hub = createHub(browserPlatform(self.name, true))
self.addEventListener('connect', ({ ports: [port] }) => port && hub.connect(port))
