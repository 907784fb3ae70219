import { TargetType, type CDPSession } from 'puppeteer-core'
import type { Profile } from '../profile.ts'

/** Runs an expression in the workers that may host the hub, and does not wait for its end. Gives how many there were. */
export async function inHubWorkers(profile: Profile, expression: string): Promise<number> {
  const shared = profile
    .browser()
    .targets()
    .filter((target) => target.type() === TargetType.SHARED_WORKER)
  for (const target of shared) {
    const session: CDPSession = await target.createCDPSession()
    // Answered when it is over, if the hub lives that long.
    void session
      .send('Runtime.evaluate', { expression })
      .catch(() => {})
      .then(() => session.detach().catch(() => {}))
  }
  const own = profile.tabs.flatMap(({ page }) => page.workers())
  for (const worker of own) void worker.evaluate(expression).catch(() => {})
  return shared.length + own.length
}
