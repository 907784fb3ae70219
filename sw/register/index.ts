/**
 * The page's side of the service worker: registration, updates, and the outbox when no tab is open.
 *
 * @packageDocumentation
 */
export { registerServiceWorker, type AppServiceWorker, type ServiceWorkerOptions } from './register-service-worker.ts'
export type { UpdateState } from './update-flow.ts'
