import type { SendAnswer } from '../bridge/contract.ts'
import type { Submitted } from '../core/group-commit.ts'
import type { NewMessage, OutboxEntry } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import { HoldfastError, type ErrorData } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import type { FateDesk } from './fate-desk.ts'
import type { TabSession } from './tab-session.ts'

/** Why nothing of a user who has left is queued any more. */
export const SIGNED_OUT: ErrorData = { code: 'closed', message: 'the user signed out' }

/** Where messages go, and who is told what becomes of them. */
export interface SubmitHost {
  readonly fates: FateDesk
  readonly runtime: Runtime
  /** Told what was queued when that is known, before whoever asked. */
  readonly queued: (entries: readonly OutboxEntry[]) => void
}

/** Queues messages of a tab; it is told what becomes of those that are queued. */
export async function submit(
  tab: TabSession,
  messages: readonly NewMessage[],
  { fates, runtime, queued }: SubmitHost,
): Promise<readonly Submitted[]> {
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

/** Queues a parked message as a new one. */
export async function retryParked(tab: TabSession, id: Id, as: Pick<NewMessage, 'id' | 'atMs'>, host: SubmitHost): Promise<void> {
  const { runtime } = host
  if (tab.hasLeft) throw HoldfastError.from(SIGNED_OUT)
  const message = runtime.parked.get(id)
  if (!message) throw new HoldfastError('not-found', 'no such message is parked')
  // Queued before it is forgotten: a crash in between shows it twice, and never loses it.
  const [again] = await submit(tab, [{ ...as, channel: message.channel, json: message.json }], host)
  if (again && 'failed' in again) throw HoldfastError.from(again.failed)
  await runtime.unpark(id)
}

/**
 * What is said of messages that another hub was handed before, by one that works from memory: they may be in the storage that it could not read, and take
 * effect when the next hub can.
 */
export const OFFERED_ELSEWHERE: ErrorData = {
  code: 'may-repeat',
  message: 'the message may be stored already, where it cannot be read now',
}

/** What the tab is answered. */
export function answerOf(submitted: Submitted): SendAnswer {
  if ('queued' in submitted) return { queued: true }
  return 'failed' in submitted ? { error: submitted.failed } : submitted
}
