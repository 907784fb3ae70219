import type { Delivery, SendAnswer } from '../bridge/contract.ts'
import type { NewMessage } from '../core/ports.ts'
import type { OutboxSettings } from '../core/settings.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import type { SendOptions } from './channel.ts'
import type { HubLink } from './hub-link.ts'
import { isUnanswered } from './no-hub.ts'
import { jsonText } from './json-text.ts'
import type { Platform } from './platform.ts'
import { createSending, type Sending, type SentMessage } from './sent-message.ts'

/** Most messages in one call; the rest follows in the next. */
const MAX_GROUP = 1_000

/** Of a group that a hub in memory had, and did not answer before it died or was replaced. */
const NOBODY_KNOWS = { ok: false, error: { code: 'may-repeat', message: 'the hub that had the message did not answer' } } as const

/** What the hub tells of one message. */
type FateNews = NonNullable<Delivery['fates']>[number]

/** Everything an app can do with messages it sends. */
export interface Sender {
  send<Reply>(channel: string, data: unknown, options?: SendOptions): SentMessage<Reply>
  readonly cancel: (id: Id) => Promise<void>
  readonly retry: (id: Id) => SentMessage
  /** Hands over what waits, if there is a hub. */
  flush(): Promise<void>
  /** Ids of queued messages without a final fate. */
  unsettled(): readonly Id[]
  /** The hub tells fates. */
  told(fates: readonly FateNews[]): void
  /** The hub says that it works from memory. It takes nothing before this is answered. */
  doubt(): void
  /** Nothing more will be sent or learnt. */
  close(error: HoldfastError): void
}

/**
 * Hands messages to the hub's outbox in order: one call at a time, while the next group gathers. A group without an answer is handed over again, under the
 * same ids and before anything newer, to the same hub or the next, which is told so; one that has it already says so. Messages with `durable: false` are worth nothing
 * later: those of one microtask leave in one call, or none of them.
 * @param isInMemory whether the hub has said that it works from memory: nobody can ask the next one what became of a group that it did not answer
 */
export function createSender(
  link: HubLink,
  { clock, newId, report }: Platform,
  { maxMessages, maxBytes }: OutboxSettings,
  isInMemory: () => boolean,
): Sender {
  let waiting: NewMessage[] = []
  let handed: NewMessage[] = []
  /** The hub that was asked first to take them. */
  let handedTo: Id = ''
  let isDoubtful = false
  /** JSON text of both. */
  let units = 0
  let passing: (readonly [NewMessage, Sending])[] = []
  let isFlushing = false
  let flushing = Promise.resolve()
  let over: HoldfastError | null = null
  /** The durable messages whose end is not known yet. */
  const open = new Map<Id, Sending>()

  function flush(): Promise<void> {
    if (!isFlushing) flushing = handOver()
    return flushing
  }

  async function handOver(): Promise<void> {
    isFlushing = true
    while (link.isAttached()) {
      if (!handed.length) {
        handed = waiting.splice(0, MAX_GROUP)
        handedTo = link.instance()
        isDoubtful = false
      }
      if (!handed.length) break
      const isElsewhere = link.instance() !== handedTo
      isDoubtful ||= !isElsewhere && isInMemory()
      const answer = isElsewhere && isDoubtful ? NOBODY_KNOWS : await link.call('send', handed, isElsewhere)
      if (!answer.ok && isUnanswered(answer.error)) continue
      const group = handed
      handed = []
      group.forEach(({ id, json }, at) => {
        units -= json.length
        settle(id, answer.ok ? answer.value[at] : answer)
      })
    }
    isFlushing = false
  }

  function settle(id: Id, answer: SendAnswer | undefined): void {
    if (!answer) return
    if ('ended' in answer) return told([answer.ended])
    if ('queued' in answer) return open.get(id)?.told('queued')
    open.get(id)?.failed(HoldfastError.from(answer.error))
    open.delete(id)
  }

  function told(fates: readonly FateNews[]): void {
    for (const news of fates) {
      const { id, fate } = news
      if (fate === 'applied') open.get(id)?.told(fate, null, news.replyJson && JSON.parse(news.replyJson))
      else open.get(id)?.told(fate, fate === 'sent' ? null : fateError(news))
      if (fate !== 'sent') open.delete(id)
    }
  }

  async function flushPassing(): Promise<void> {
    const group = passing
    passing = []
    const answer = await link.call(
      'sendVolatile',
      group.map(([message]) => message),
    )
    for (const [, sending] of group) {
      if (answer.ok) sending.told('sent', new HoldfastError('not-found', 'A message with durable: false gets no answer.'))
      else if (answer.error.code === 'hub-failed') sending.failed(new HoldfastError('not-connected', 'There is no connection.'))
      else sending.failed(HoldfastError.from(answer.error))
    }
  }

  async function cancel(id: Id): Promise<void> {
    const at = waiting.findIndex((message) => message.id === id)
    if (at < 0) {
      await link.ask('cancel', id)
      return told([{ id, fate: 'cancelled' }])
    }
    for (const { json } of waiting.splice(at, 1)) units -= json.length
    open.get(id)?.failed(fateError({ fate: 'cancelled' }), 'cancelled')
    open.delete(id)
  }

  function make(): Sending {
    const id = newId()
    return createSending(id, () => cancel(id), report)
  }

  return {
    send<Reply>(channel: string, data: unknown, { durable = true }: SendOptions = {}) {
      const json = jsonText(data)
      const sending = make()
      const { id } = sending.message
      const message = { id, channel, json, atMs: clock.nowMs() }
      if (over) sending.failed(over)
      else if (durable && (waiting.length + handed.length >= maxMessages || units + json.length > maxBytes)) {
        sending.failed(new HoldfastError('outbox-full', 'More waits for the hub than the outbox may hold.'))
      } else if (durable) {
        units += json.length
        open.set(id, sending)
        waiting.push(message)
        queueMicrotask(() => void flush())
      } else if (passing.push([message, sending]) === 1) queueMicrotask(() => void flushPassing())
      return sending.message as SentMessage<Reply>
    },
    cancel,
    retry(parked) {
      const sending = make()
      const { id } = sending.message
      // Before the call: its fate may overtake the answer.
      open.set(id, sending)
      link.ask('retry', parked, id).then(
        () => sending.told('queued'),
        (error: Error) => {
          open.delete(id)
          sending.failed(error)
        },
      )
      return sending.message
    },
    flush,
    unsettled: () => [...open].filter(([, { message }]) => message.fate !== 'sending').map(([id]) => id),
    told,
    doubt: () => void (isDoubtful ||= link.instance() === handedTo),
    close(error) {
      over = error
      for (const sending of open.values()) {
        const { fate } = sending.message
        if (fate === 'sending') sending.failed(error)
        else sending.told(fate, error)
      }
      open.clear()
      waiting = handed = []
    },
  }
}

/** Why a message was not applied. */
function fateError(news: Exclude<FateNews, { fate: 'sent' | 'applied' }> | { readonly fate: 'cancelled' }): HoldfastError {
  if (news.fate !== 'rejected') return new HoldfastError(news.fate, `The message ended: ${news.fate}.`)
  const { reason, message } = news
  return new HoldfastError(reason === 'failed' ? 'rejected' : reason === 'too-large' ? 'message-too-large' : reason, message)
}
