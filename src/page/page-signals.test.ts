import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { watchPage } from './page-signals.ts'

let windowEvents: EventTarget
let documentEvents: EventTarget & { visibilityState?: string }
beforeEach(() => {
  windowEvents = new EventTarget()
  documentEvents = new EventTarget()
  vi.stubGlobal('addEventListener', windowEvents.addEventListener.bind(windowEvents))
  vi.stubGlobal('document', documentEvents)
})
afterEach(() => {
  vi.unstubAllGlobals()
})

const transition = (type: string, persisted: boolean): Event => Object.assign(new Event(type), { persisted })

it('[TB10] tells once that a page is kept and once that it runs again, whichever events say so', () => {
  const heard: string[] = []
  watchPage((event) => heard.push(event), new AbortController().signal)
  windowEvents.dispatchEvent(transition('pagehide', true))
  documentEvents.dispatchEvent(new Event('freeze'))
  documentEvents.dispatchEvent(new Event('resume'))
  windowEvents.dispatchEvent(transition('pageshow', true))
  documentEvents.dispatchEvent(new Event('freeze'))
  windowEvents.dispatchEvent(transition('pageshow', true))
  expect(heard).toEqual(['suspended', 'frozen', 'resumed', 'suspended', 'frozen', 'resumed'])
})

it('[TB21] a page in the cache of a browser that tells no last moment is suspended, never frozen', () => {
  const heard: string[] = []
  watchPage((event) => heard.push(event), new AbortController().signal)
  windowEvents.dispatchEvent(transition('pagehide', true))
  windowEvents.dispatchEvent(transition('pageshow', true))
  expect(heard).toEqual(['suspended', 'resumed'])
})

it('[TB10] says nothing of a page that ends or is shown for the first time', () => {
  const heard: string[] = []
  watchPage((event) => heard.push(event), new AbortController().signal)
  windowEvents.dispatchEvent(transition('pageshow', false))
  windowEvents.dispatchEvent(transition('pagehide', false))
  expect(heard).toEqual([])
})

it('[TB10] tells visibility and network until the signal aborts', () => {
  const heard: string[] = []
  const abort = new AbortController()
  watchPage((event) => heard.push(event), abort.signal)
  const all = (): void => {
    for (const state of ['hidden', 'visible']) {
      documentEvents.visibilityState = state
      documentEvents.dispatchEvent(new Event('visibilitychange'))
    }
    windowEvents.dispatchEvent(new Event('offline'))
    windowEvents.dispatchEvent(new Event('online'))
  }
  all()
  abort.abort()
  all()
  windowEvents.dispatchEvent(transition('pagehide', true))
  expect(heard).toEqual(['hidden', 'visible', 'offline', 'online'])
})
