import { someTab, someTimeMs, type Fault } from './fault.ts'
import type { Conditions } from '../world/link.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'

/** A hub with hidden tabs pings after 25 s and waits 4 s; what was on its way may still have come. */
const NOTICED_MS = 25_000 + 4_000 + 9_000

function worsen(world: World, { link }: Profile, changes: Partial<Conditions>, mostMs: number, then: () => void = () => {}): true {
  link.change(changes)
  world.schedule.at(someTimeMs(world, mostMs), () => {
    link.heal()
    then()
  })
  return true
}

const isConnected = ({ link }: Profile): boolean => link.wires.size > 0

/** Nothing comes down for a while: longer than a hub needs to notice, sometimes. */
function silence(world: World, profile: Profile, changes: Partial<Conditions>, mostMs: number): true {
  const lastsMs = someTimeMs(world, mostMs)
  profile.link.change(changes)
  if (changes.holdsDown && lastsMs > NOTICED_MS) world.check.mustNotice(profile.link, NOTICED_MS)
  world.schedule.at(lastsMs, () => profile.link.heal())
  return true
}

/** What a network does. */
export const NETWORK_FAULTS: readonly Fault[] = [
  {
    kind: 'N1 reset in the middle of a frame',
    inject: (_world, profile) => isConnected(profile) && (profile.link.cut(0, 0), true),
  },
  {
    kind: 'N2 answers are lost, then a reset',
    inject: (world, profile) => isConnected(profile) && worsen(world, profile, { holdsDown: true }, 3_000, () => profile.link.cut(0, 0)),
  },
  {
    kind: 'N3 silent both ways',
    inject: (world, profile) => silence(world, profile, { holdsUp: true, holdsDown: true }, 60_000),
  },
  {
    kind: 'N4 silent one way',
    inject: (world, profile) => silence(world, profile, world.random.next() < 0.5 ? { holdsUp: true } : { holdsDown: true }, 60_000),
  },
  {
    kind: 'N5 link down, connections die without a sign',
    inject: (world, profile) => worsen(world, profile, { holdsUp: true, holdsDown: true }, 20_000, () => profile.link.cut(null, null)),
  },
  {
    kind: 'N6 the system ends the connection',
    inject: (world, profile) => isConnected(profile) && (profile.link.cut(0, world.random.next() * 60_000), true),
  },
  {
    kind: 'N7 latency',
    inject: (world, profile) =>
      worsen(world, profile, { latencyMs: world.random.next() * 2_500, jitterMs: world.random.next() * 5_000 }, 30_000),
  },
  { kind: 'N8 one kilobyte a second', inject: (world, profile) => worsen(world, profile, { bytesPerMs: 1 }, 30_000) },
  {
    kind: 'N10 accepted, then closed at once',
    inject: (world, profile) => {
      profile.link.cut(0, 0)
      return worsen(world, profile, { opens: 'closed-at-once' }, 20_000)
    },
  },
  {
    kind: 'N11 N12 refused, or a captive portal',
    inject: (world, profile) => {
      profile.link.cut(0, 0)
      return worsen(world, profile, { opens: 'refused' }, 40_000)
    },
  },
  {
    kind: 'N13 cut when idle or old',
    inject: (_world, profile) => isConnected(profile) && (profile.link.cut(20, 20), true),
  },
  {
    kind: 'N15 back within milliseconds',
    inject: (world, profile) => {
      if (!isConnected(profile)) return false
      profile.link.cut(0, null)
      world.schedule.at(world.random.next() * 5, () => someTab(world, profile)?.retryNow())
      return true
    },
  },
  {
    kind: 'N16 another address, the server is not told',
    inject: (world, profile) => {
      if (!isConnected(profile)) return false
      profile.link.cut(world.random.next() * 100, null)
      world.schedule.at(someTimeMs(world, 500), () => someTab(world, profile)?.tell('online'))
      return true
    },
  },
  {
    kind: 'C3 something comes that no server says',
    inject: (world, profile) => {
      const [wire] = [...profile.link.wires].filter(({ isOpen }) => isOpen)
      const forged = [
        '{"type":"ack","hi":9999,"stable":9999,"id":"forged0000000000000000","outcomes":[]}',
        '{"type":"surprise"}',
        'no frame',
        '{"type":"expected","n":9999}',
        '{"type":"messages","batches":[{"sub":1,"messages":[]}]}',
      ]
      wire?.forge(world.pick(forged) ?? '')
      return wire !== undefined
    },
  },
]
