import type { SeededRandom } from 'holdfast/testing'
import { BROWSER_FAULTS } from './faults/browser.ts'
import { CLOCK_FAULTS } from './faults/clocks.ts'
import type { Fault, Happened } from './faults/fault.ts'
import { LIVES } from './faults/lives.ts'
import { NETWORK_FAULTS } from './faults/network.ts'
import { SERVER_FAULTS } from './faults/server.ts'
import { SITE_FAULTS } from './faults/sites.ts'
import { STORAGE_FAULTS, type StoredProfile } from './faults/storage.ts'
import { tellingFaults } from './faults/telling.ts'
import { createLane, type Lane } from './lane.ts'
import type { Profile } from './profile.ts'
import type { ServerProcess } from './server-process.ts'

/** Which faults come: those whose kind holds one of these texts, or all. */
export type Chosen = readonly string[]

/** A lane for each network, the server and each browser. What they do goes to the timeline. */
export function createLanes(
  server: ServerProcess,
  stored: readonly StoredProfile[],
  random: SeededRandom,
  timeline: Happened[],
  chosen: Chosen,
): readonly Lane[] {
  const lane = <Target>(where: string, target: Target, faults: readonly Fault<Target>[], repair?: () => Promise<void>): readonly Lane[] => {
    const due = faults.filter(({ kind }) => chosen.length === 0 || chosen.some((text) => kind.includes(text)))
    return due.length > 0 ? [createLane(where, target, due, random.fork(++lanes), timeline, repair)] : []
  }
  let lanes = 0
  const browserFaults: readonly Fault<StoredProfile>[] = [
    ...[...BROWSER_FAULTS, ...LIVES, ...CLOCK_FAULTS, ...tellingFaults(server)].map(ofProfile),
    ...STORAGE_FAULTS,
    ...SITE_FAULTS,
  ]
  return [
    ...stored.flatMap(({ profile }) => lane(`network ${profile.name}`, profile.proxy, NETWORK_FAULTS)),
    ...lane('server', server, SERVER_FAULTS),
    ...stored.flatMap((each) => lane(`browser ${each.profile.name}`, each, browserFaults, () => each.profile.repair())),
  ]
}

function ofProfile({ run, ...fault }: Fault<Profile>): Fault<StoredProfile> {
  return { ...fault, run: ({ profile }, random) => run(profile, random) }
}
