import type { Page } from '@playwright/test'
import type { ConnectOptions } from 'holdfast'
import type { LiveServerOptions } from 'holdfast/server'
import { openLab, type Lab } from './lab.ts'
import { QUICK } from './test.ts'

/** A message as the server's handler got it. */
export interface Heard {
  readonly user: string | null
  readonly client: string
  readonly data: unknown
}

/** A scene with people in it: a credential is a user's name, a dash and a number. */
export interface People {
  readonly lab: Lab
  /** Credentials that the server takes. */
  readonly valid: Set<string>
  /** Every credential that was presented to it. */
  readonly presented: (string | null)[]
  readonly heard: Heard[]
}

/** Starts a scene where `ada-1` and `bob-1` may connect. */
export async function openPeople(options: LiveServerOptions = {}): Promise<People> {
  const valid = new Set(['ada-1', 'bob-1'])
  const presented: (string | null)[] = []
  const heard: Heard[] = []
  const lab = await openLab({
    authenticate({ credential }) {
      presented.push(credential)
      return credential !== null && valid.has(credential) ? { user: credential.split('-')[0] ?? '' } : null
    },
    authorize: () => true,
    snapshot: () => undefined,
    onMessage({ client, channel, data }, { user, publish }) {
      heard.push({ user, client, data })
      publish(channel, data)
    },
    ...options,
  })
  return { lab, valid, presented, heard }
}

/** What a page keeps for these tests. */
interface PersonWindow {
  credential: string
  /** How often the app was asked for its credential. */
  asked: number
  happened: unknown[]
}

/** Connects a page as somebody. What happens beyond the probe's own events is in {@link happened}. */
export async function signIn(page: Page, lab: Lab, credential: string, options: Partial<ConnectOptions> = {}): Promise<Page> {
  if (!page.url().startsWith(lab.pageUrl)) await page.goto(lab.pageUrl)
  await page.evaluate(
    ([given, name]) => {
      const own = Object.assign(window as unknown as PersonWindow, { credential: name, asked: 0, happened: [] as unknown[] })
      window.probe.open({
        ...given,
        user: name.split('-')[0] ?? '',
        token: () => {
          own.asked++
          return own.credential
        },
      })
      const { connection } = window.probe
      connection.on('signedOut', (event) => own.happened.push({ signedOut: event }))
      connection.on('storageLost', (event) => own.happened.push({ storageLost: event }))
      connection.user.subscribe({ message: ({ data }) => own.happened.push({ user: data }) })
      window.probe.subscribe('board')
    },
    [{ url: lab.liveUrl, reconnect: QUICK, ...options }, credential] as const,
  )
  return page
}

/** What else happened in the page. */
export function happened(page: Page): Promise<unknown[]> {
  return page.evaluate(() => (window as unknown as PersonWindow).happened)
}

/** From now on the app gives this credential. */
export async function setCredential(page: Page, credential: string): Promise<void> {
  await page.evaluate((name) => void ((window as unknown as PersonWindow).credential = name), credential)
}

/** How often the app was asked for it. */
export function timesAsked(page: Page): Promise<number> {
  return page.evaluate(() => (window as unknown as PersonWindow).asked)
}

/** All text that the origin's databases hold. */
export function textOnDisk(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.addEventListener('success', () => resolve(request.result))
        request.addEventListener('error', () => reject(request.error ?? new Error('no reason')))
      })
    const texts: string[] = []
    for (const { name = '' } of await indexedDB.databases()) {
      const database = await settled(indexedDB.open(name))
      const stores = [...database.objectStoreNames]
      const transaction = database.transaction(stores)
      for (const store of stores) texts.push(`${store}: ${JSON.stringify(await settled(transaction.objectStore(store).getAll()))}`)
      database.close()
    }
    return texts.join('\n')
  })
}
