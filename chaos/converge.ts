import { setTimeout as sleep } from 'node:timers/promises'
import type { Desk, PageLog } from './desk.ts'
import { journalChannel, type Violation } from './record.ts'
import type { Tab } from './profile.ts'
import { CHANNELS } from './scene.ts'

/** How long after the last fault everybody must be up to date: the most tries a minute may make a client wait for one. */
const DEADLINE_MS = 90_000
const POLL_MS = 200
/** Who is well stays so; a connection that comes and goes is not. */
const STEADY_MS = 2_500

/**
 * Waits until every tab is connected and stays so, has nothing waiting, knows the end of all it sent, and is at the head of every channel (I32).
 * Gives what is wrong at the deadline.
 */
export async function converge(
  desk: Desk,
  tabs: () => readonly Tab[],
  published: () => ReadonlyMap<string, readonly string[]>,
): Promise<readonly Violation[]> {
  const fromMs = Date.now()
  let wellSinceMs = Infinity
  for (;;) {
    await sleep(POLL_MS)
    const names = published()
    const atMs = Date.now()
    const missing = tabs().flatMap((tab) => {
      const why = whatIsMissing(desk.pageOf(tab.name), fromMs, names)
      return why === undefined ? [] : [{ tab, why }]
    })
    wellSinceMs = missing.length > 0 ? Infinity : Math.min(wellSinceMs, atMs)
    const unsteady = tabs().flatMap((tab) => {
      const left = timesLeft(desk.pageOf(tab.name), wellSinceMs)
      return left === 0 ? [] : [{ tab, why: `is connected and left that ${timesLeft(desk.pageOf(tab.name), fromMs)} times` }]
    })
    if (unsteady.length > 0) wellSinceMs = Infinity
    if (atMs - wellSinceMs >= STEADY_MS) return []
    const late = missing.length > 0 ? missing : unsteady
    if (atMs - fromMs >= DEADLINE_MS && late.length > 0)
      return Promise.all(
        late.map(async ({ tab, why }) => ({
          kind: 'stuck' as const,
          atMs,
          text: `${tab.name} ${why}, ${DEADLINE_MS} ms after the last fault; ${await howItIs(tab)}`,
          keys: [],
        })),
      )
  }
}

/** Whether the page itself still runs. */
async function howItIs({ page, crashed }: Tab): Promise<string> {
  if (crashed) return 'the page has crashed'
  const asked = page.evaluate('document.visibilityState').then(String, String)
  return `asked, the page said: ${await Promise.race([asked, sleep(3_000, 'nothing for 3 s')])}`
}

/** How often a page was no longer connected, after this time. */
function timesLeft(page: PageLog | undefined, sinceMs: number): number {
  return page?.events.filter((event) => event.type === 'status' && event.status !== 'connected' && event.atMs > sinceMs).length ?? 0
}

function whatIsMissing(page: PageLog | undefined, fromMs: number, published: ReadonlyMap<string, readonly string[]>): string | undefined {
  if (!page || page.heardAtMs < fromMs) return 'was not heard of'
  const { status, pending, open } = page.facts
  if (status !== 'connected') return `is ${status}`
  if (pending !== 0) return `has ${pending} pending`
  if (open > 0) return `does not know what became of ${open} messages`
  for (const channel of [...CHANNELS, '@user']) {
    const names = published.get(journalChannel(channel, page.user)) ?? []
    const at = placeOf(page, channel, names)
    if (at !== names.length) return `is at ${at} of ${names.length} in ${channel}`
  }
  return undefined
}

function placeOf({ events }: PageLog, channel: string, names: readonly string[]): number | undefined {
  for (let at = events.length - 1; at >= 0; at--) {
    const event = events[at]
    if (!event || !('channel' in event) || event.channel !== channel) continue
    if (event.type === 'messages') return names.lastIndexOf(event.names.at(-1) ?? '') + 1
    if (event.type === 'snapshot') return event.rows
    if (event.type === 'reset') return undefined
  }
  return undefined
}
