import type { HandedMessage, RetriedMessage, SendAnswer } from '../bridge/contract.ts'
import { MAY_REPEAT, type Submitted } from '../core/group-commit.ts'
import type { NewMessage, OutboxEntry, ParkedMessage, Store, TakenCount } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import type { FateDesk } from './fate-desk.ts'
import type { TabSession } from './tab-session.ts'

/** Why nothing of a user who has left is queued any more. */
export const SIGNED_OUT: ErrorData = { code: 'closed', message: 'the user signed out' }

const NOT_PARKED: ErrorData = { code: 'not-found', message: 'no such message is parked' }

/** Where messages go, and who is told what becomes of them. */
export interface SubmitHost {
  readonly fates: FateDesk
  readonly runtime: Runtime
  readonly store: Store
  /** Parked messages that are being queued again, each with the new id it is queued under. */
  readonly retrying: Map<Id, Id>
  /** Forgets a parked message, in whatever store it is by now. */
  readonly unpark: (id: Id) => Promise<void>
  /** Told what was queued when that is known, before whoever asked. */
  readonly queued: (entries: readonly OutboxEntry[]) => void
  /** Something failed that the answer does not tell. */
  readonly fail: (error: unknown) => void
}

/**
 * Queues what a tab hands over; it is told what becomes of those that are queued. A parked message is queued as a new
 * one before it is forgotten: a crash in between shows it twice, and never loses it. It is queued once, whoever else
 * wants it tried again meanwhile.
 * @param since `null` when this is handed over for the first time
 */
export async function submit(
  tab: TabSession,
  handed: readonly HandedMessage[],
  since: TakenCount | null,
  host: SubmitHost,
): Promise<readonly SendAnswer[]> {
  const { retrying, unpark, fail } = host
  const mark = since ? { since } : {}
  const messages = handed.flatMap((one): NewMessage[] => {
    if (!('retryOf' in one)) return [{ ...one, ...mark }]
    const parked = claim(one, host)
    return parked ? [{ id: one.id, channel: parked.channel, json: parked.json, ...mark }] : []
  })
  const letGo = (one: HandedMessage): void => {
    if ('retryOf' in one && retrying.get(one.retryOf) === one.id) retrying.delete(one.retryOf)
  }
  const submitted = await queue(tab, messages, host).catch((error: unknown) => {
    handed.forEach(letGo)
    throw error
  })
  const answers = new Map(messages.map(({ id }, at) => [id, submitted[at]]))
  for (const one of handed) {
    if (!('retryOf' in one)) continue
    const answer = answers.get(one.id)
    if (!answer) answers.set(one.id, since ? await lookUp(tab, one.id, since, host) : { failed: NOT_PARKED })
    else if ('failed' in answer) letGo(one)
    // One that stays parked stays claimed: it is queued already.
    else await unpark(one.retryOf).then(() => letGo(one), fail)
  }
  return handed.map(({ id }) => answerOf(answers.get(id) ?? { failed: MAY_REPEAT }))
}

/**
 * The parked message that is to be tried again, for whoever comes first; who hands the same over again gets it, too.
 */
function claim({ id, retryOf }: RetriedMessage, { runtime, retrying }: SubmitHost): ParkedMessage | undefined {
  const parked = runtime.parked.get(retryOf)
  if (!parked || (retrying.get(retryOf) ?? id) !== id) return undefined
  retrying.set(retryOf, id)
  return parked
}

async function queue(
  tab: TabSession,
  messages: readonly NewMessage[],
  { fates, runtime, queued }: SubmitHost,
): Promise<readonly Submitted[]> {
  if (messages.length === 0) return []
  const ids = messages.map(({ id }) => id)
  // Before they are queued: a fate may overtake the answer.
  fates.claim(tab, ids)
  const submitted = await runtime.send(messages).catch((error: unknown) => {
    fates.release(tab, ids)
    throw error
  })
  fates.close(submitted.flatMap((one) => ('ended' in one ? [one.ended.id] : [])))
  const failed = ids.filter((_, at) => 'failed' in (submitted[at] ?? {}))
  fates.release(tab, failed)
  queued(submitted.flatMap((one) => ('queued' in one ? [one.queued] : [])))
  return submitted
}

/**
 * What became of a parked message that was to be queued under this id, and is not parked any more. The tab is told of
 * the end of one that still waits: it may have attached anew since it asked first.
 */
async function lookUp(tab: TabSession, id: Id, since: TakenCount, { fates, runtime, store }: SubmitHost): Promise<Submitted> {
  const held = runtime.state.outbox.entries.find((entry) => entry.id === id && !entry.skip)
  if (held) {
    fates.claim(tab, [id])
    return { queued: held }
  }
  const recorded = await store.fatesOf([id]).catch(() => null)
  if (recorded?.[0]) return { ended: recorded[0] }
  return { failed: recorded && store.reaches(since) ? NOT_PARKED : MAY_REPEAT }
}

function answerOf(submitted: Submitted): SendAnswer {
  if ('queued' in submitted) return { queued: true }
  return 'failed' in submitted ? { error: submitted.failed } : submitted
}
