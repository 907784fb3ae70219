import { Workbox } from 'workbox-window'
import { HoldfastError, type Connection } from '../../src/page/index.ts'
import type { LiveValue } from '../../src/page/live-value.ts'
import { readOptions } from '../../src/protocol/read-options.ts'
import { keepSyncRegistered } from './outbox-sync.ts'
import { CLAIM, LEAVE } from '../worker-words.ts'
import { createUpdateFlow, type UpdateState } from './update-flow.ts'

/** What {@link registerServiceWorker} can be told. */
export interface ServiceWorkerOptions {
  /** Its outbox is sent by the service worker when no tab is open, where the browser has Background Sync. */
  readonly connection?: Connection
  /** Which pages it serves. @defaultValue the folder of its script */
  readonly scope?: string
  /** How its script is loaded. @defaultValue 'classic' */
  readonly type?: WorkerType
  /**
   * Moves this page to the new version. An app that must save something first does so here, and reloads then.
   * @defaultValue `location.reload()`
   */
  readonly reload?: () => void
  /**
   * Told when the service worker cannot be had (`service-worker-failed`): the app goes on without it. @defaultValue
   * `reportError`
   */
  readonly failed?: (error: HoldfastError) => void
}

/** The app's service worker, seen from a page. */
export interface AppServiceWorker {
  /**
   * `waiting` when a new version of the app is installed: show it, and call {@link AppServiceWorker.acceptUpdate} when
   * the user agrees.
   */
  readonly update: LiveValue<UpdateState>
  /** Lets the version that waits go on; every tab of the app is reloaded, once. Does nothing when none waits. */
  acceptUpdate(): void
  /** Looks for a new version now. The browser looks by itself on navigations, and once a day. */
  checkForUpdate(): Promise<void>
  /**
   * Has the outbox of one more connection sent when no tab is open; for an app whose user changes. @returns how to stop
   */
  follow(connection: Connection): () => void
}

/** `SyncManager`, which TypeScript does not know. */
interface WithSync {
  readonly sync?: { register(tag: string): Promise<void> }
}

/** Every option, with a value of the right type; a connection is taken as it is. */
const OPTIONS = { connection: undefined, scope: '', type: '', reload() {}, failed() {} }

/**
 * Registers the app's service worker when the page has loaded, follows its updates, and has it send the outbox when no
 * tab is open. Without service workers (no secure context, private windows of some browsers) nothing happens, and
 * `update` stays `none`.
 * @param url the script, on the app's own origin; passed on as it is, so that it may come from a Trusted Types policy
 * @throws HoldfastError `invalid-option`
 */
export function registerServiceWorker(url: string | URL, options: ServiceWorkerOptions = {}): AppServiceWorker {
  readOptions(options, OPTIONS)
  const { connection, scope, type = 'classic', reload = () => location.reload(), failed = (error) => reportError(error) } = options
  const container = 'serviceWorker' in navigator ? navigator.serviceWorker : null
  const workbox =
    container && new Workbox(url instanceof URL ? url.href : url, { type, updateViaCache: 'none', ...(scope !== undefined && { scope }) })
  const fail = (what: string, cause: unknown): void => {
    try {
      failed(new HoldfastError('service-worker-failed', what, { cause }))
    } catch (error) {
      reportError(error)
    }
  }

  const waitingListeners: (() => void)[] = []
  const tellWaiting = (): void => waitingListeners.forEach((tell) => tell())
  workbox?.addEventListener('waiting', tellWaiting)

  const flow = createUpdateFlow({
    onWaiting: (listener) => waitingListeners.push(listener),
    onController: (listener) => container?.addEventListener('controllerchange', listener),
    isControlled: () => !!container?.controller,
    skipWaiting() {
      // The new version waits until the old one is no longer at work.
      active?.active?.postMessage(LEAVE)
      workbox?.messageSkipWaiting()
    },
    reload,
    report: reportError,
  })

  const registering = workbox?.register().catch((error: unknown) => {
    fail('The service worker could not be registered.', error)
    return undefined
  })
  void registering?.then((registration) => {
    // One that another tab has begun to install: nothing tells of its beginning any more.
    const installing = container?.controller ? registration?.installing : null
    installing?.addEventListener('statechange', () => {
      if (registration?.waiting === installing) tellWaiting()
    })
  })

  /** Set as soon as there is a service worker that gets events. */
  let active: ServiceWorkerRegistration | null = null
  const readyListeners = new Set<() => void>()
  void container?.ready.then((registration) => {
    active = registration
    if (!container.controller) registration.active?.postMessage(CLAIM)
    for (const tell of readyListeners) tell()
  })

  function follow(followed: Connection): () => void {
    const stop = keepSyncRegistered(followed, {
      register() {
        const { sync } = (active ?? {}) as WithSync
        return sync ? (tag) => sync.register(tag) : null
      },
      onReady: (listener) => void readyListeners.add(listener),
      onPageHide(listener) {
        addEventListener('pagehide', listener)
        return () => removeEventListener('pagehide', listener)
      },
      failed: (error) => fail('The browser will not send the outbox in the background.', error),
    })
    return stop
  }
  if (connection) follow(connection)

  return {
    update: flow.state,
    acceptUpdate: () => flow.accept(),
    async checkForUpdate() {
      await registering
      await workbox?.update().catch((error: unknown) => fail('Looking for a new version failed.', error))
    },
    follow,
  }
}
