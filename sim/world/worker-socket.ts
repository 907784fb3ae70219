import { DEFAULT_HEARTBEAT, DEFAULT_LIMITS } from '../../src/protocol/limits.ts'
import type { Hello } from '../../src/protocol/messages.ts'
import type { OpenSocket, SocketListener } from '../../src/core/ports.ts'
import { Process } from './process.ts'
import type { Profile } from './profile.ts'
import type { World } from './world.ts'

/** What happens to one socket of a service worker, whatever the network is like: rows X of the table of faults. */
export type Meddling = 'other-token' | 'slow' | 'sent-twice' | 'portal' | 'stranger'

/** What is slow takes at most so long, and what somebody on the way has kept comes again within as long. */
const SLOW_MS = 5_000
const REPEATED_MS = 60_000
/** So long a socket of somebody else stays open. */
const OPEN_MS = 20_000

/** Opens sockets for a service worker that sends the outbox of a scope. */
export function openWorkerSocket(world: World, profile: Profile, process: Process, scope: string): OpenSocket {
  const { check, totals, random, schedule } = world
  return (listener) => {
    const meddling = profile.link.meddlings.shift()
    if (meddling !== undefined) totals.count(`sockets meddled with: ${meddling}`)
    if (meddling === 'portal' || meddling === 'stranger') return answerInstead(world, profile, process, listener, meddling)
    check.wires.hubs.set(process, () => true)
    const said: string[] = []
    if (meddling === 'sent-twice') schedule.at(random.next() ** 2 * REPEATED_MS, () => sayAgain(world, profile, said))
    const socket = profile.link.openSocket(process)(listener)
    let readyMs = 0
    return {
      ...socket,
      send(text) {
        if (!process.isAlive) return
        const isMessage = text.startsWith('{')
        if (isMessage) {
          check.sendOnly.says(profile, process, scope, text)
          said.push(text)
        }
        const sent = meddling === 'other-token' ? withToken(text, otherToken(world)) : text
        if (meddling !== 'slow') return socket.send(sent)
        readyMs = Math.max(readyMs, schedule.nowMs + random.next() * SLOW_MS)
        schedule.at(readyMs - schedule.nowMs, () => socket.send(sent))
      },
    }
  }
}

/** The same frames come once more, from who has kept them. */
function sayAgain({ schedule, check }: World, profile: Profile, said: readonly string[]): void {
  const hello = said[0] === undefined ? null : (JSON.parse(said[0]) as Hello)
  // Nobody keeps another one's frames for longer than a server keeps its record, or could be told from it.
  if (hello && check.upward.wasGivenUp(hello.client)) return
  const ghost = new Process(schedule, `${profile.name}/ghost`)
  check.wires.hubs.set(ghost, () => true)
  check.rates.repeaters.add(ghost)
  const socket = profile.link.openSocket(ghost)({
    opened: () => said.slice(0, 20).forEach((text) => socket.send(text)),
    frame: () => {},
    closed: () => {},
  })
  schedule.at(OPEN_MS, () => socket.close(1000, ''))
}

/**
 * Somebody between client and server answers in the server's place: an upgrade with a page, or a `hello` with what
 * looks like success. Nobody there knows what the server knows.
 */
function answerInstead(world: World, profile: Profile, process: Process, listener: SocketListener, how: Meddling): ReturnType<OpenSocket> {
  const { schedule } = world
  let isOver = false
  const later = (run: () => void): void => void schedule.at(profile.link.latencyMs(), () => process.post(() => !isOver && run()))
  later(() => (how === 'portal' ? listener.closed(1006) : listener.opened()))
  return {
    send(text) {
      if (!text.startsWith('{')) return
      const hello = JSON.parse(text) as Hello
      if (hello.type === 'hello') for (const frame of world.pick(strangeAnswers(hello)) ?? []) later(() => listener.frame(frame))
    },
    bufferedBytes: () => 0,
    close: () => (isOver = true),
  }
}

function strangeAnswers({ client, user, confirmed, protocol }: Hello): readonly (readonly string[])[] {
  const answer = (changes: object): string =>
    JSON.stringify({
      type: 'send_only',
      protocol,
      user,
      ledger: client,
      client: null,
      limits: DEFAULT_LIMITS,
      heartbeat: DEFAULT_HEARTBEAT,
      ...changes,
    })
  const hi = confirmed + 1
  const ack = JSON.stringify({ type: 'ack', hi, stable: hi, id: client, outcomes: [] })
  return [
    ['<html>'],
    ['{}'],
    ['{"type":"send_only"}'],
    [ack],
    [answer({}), ack],
    [answer({ user: `not ${user}` }), ack],
    [answer({ client: { hi, id: client } }), ack],
    [answer({ type: 'session_init', connection: 1, session: { id: client, token: 't'.repeat(43) } }), ack],
    [],
  ]
}

function withToken(text: string, outboxToken: string): string {
  const message = text.startsWith('{') ? (JSON.parse(text) as Hello) : null
  return message?.type === 'hello' ? JSON.stringify({ ...message, outboxToken }) : text
}

/** A token of another client, or none at all. */
function otherToken(world: World): string {
  const disks = world.profiles.flatMap((profile) => [...profile.disks.values()])
  return world.pick(disks)?.contents.stored?.sendOnly?.token ?? 'nobody'
}
