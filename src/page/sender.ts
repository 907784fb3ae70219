import type { Delivery, HandedMessage, SendAnswer } from '../bridge/contract.ts'
import type { NewMessage, TakenCount } from '../core/ports.ts'
import type { OutboxSettings } from '../core/settings.ts'
import { HoldfastError, type ErrorData } from '../protocol/errors.ts'
import { isId } from '../protocol/decode.ts'
import type { Id } from '../protocol/messages.ts'
import { readOptions } from '../protocol/read-options.ts'
import type { SendOptions } from './channel.ts'
import type { HubLink } from './hub-link-api.ts'
import { isUnanswered, mayBeDone, NO_HUB } from './no-hub.ts'
import { jsonText } from './json-text.ts'
import type { Platform } from './platform.ts'
import { createSending, type SendFate, type Sending, type SentMessage } from './sent-message.ts'

/** Most messages in one call; the rest follows in the next. */
const MAX_GROUP = 1_000

/** What the hub tells of one message. */
type FateNews = NonNullable<Delivery['fates']>[number]

/** Everything an app can do with messages it sends. */
export interface Sender {
  send<Reply>(channel: string, data: unknown, options?: SendOptions): SentMessage<Reply>
  readonly cancel: (id: Id) => Promise<void>
  readonly retry: (id: Id) => SentMessage
  readonly discard: (id: Id) => Promise<void>
  /** Hands over what waits, if there is a hub. */
  flush(): void
  /** Resolves when nothing waits to be handed over any more. */
  handedOver(): Promise<void>
  /** Ids of queued messages without a final fate. */
  unsettled(): readonly Id[]
  /** The hub tells fates. */
  told(fates: readonly FateNews[]): void
  /** The hub tells what its store has taken so far. Nothing is handed over before that was told once. */
  heard(taken: TakenCount): void
  /** Nothing more will be sent or learnt. */
  close(error: HoldfastError): void
}

/**
 * Hands messages to the hub's outbox in order: one call at a time, while the next group gathers. A group without an
 * answer is handed over again, under the same ids and before anything newer, to the same hub or the next, which is told
 * so, and what had been heard before the first time: by that it knows whether it remembers enough to tell. Messages
 * with `durable: false` are worth nothing later: those of one microtask leave in one call, or none of them.
 */
export function createSender(link: HubLink, { newId, report }: Platform, { maxMessages, maxBytes }: OutboxSettings): Sender {
  let waiting: HandedMessage[] = []
  let handed: HandedMessage[] = []
  /** The newest count that a hub has told. */
  let heard: TakenCount | null = null
  /** The same when those that are handed over were so for the first time. */
  let since: TakenCount = { memory: '', taken: 0 }
  /** They may have been taken before: a hub did not answer. */
  let isAgain = false
  /** JSON text of both. */
  let units = 0
  let passing: (readonly [NewMessage, Sending])[] = []
  let isFlushing = false
  let awaiting: (() => void)[] = []
  let over: HoldfastError | null = null
  /** The durable messages whose end is not known yet. */
  const open = new Map<Id, Sending>()

  function flush(): void {
    if (!isFlushing) void handOver()
  }

  function nothingWaits(): void {
    if (waiting.length + handed.length === 0) for (const go of awaiting.splice(0)) go()
  }

  async function handOver(): Promise<void> {
    isFlushing = true
    while (link.isAttached() && heard) {
      if (!handed.length) {
        handed = waiting.splice(0, MAX_GROUP)
        since = heard
        isAgain = false
      }
      if (!handed.length) break
      const answer = await link.call('send', handed, since, isAgain)
      if (!answer.ok && isUnanswered(answer.error)) {
        isAgain ||= mayBeDone(answer.error)
        continue
      }
      const [first] = answer.ok ? answer.value : []
      if (first && 'taken' in first) {
        since = heard = first.taken
        continue
      }
      const group = handed
      handed = []
      group.forEach((message, at) => {
        units -= unitsOf(message)
        settle(message.id, answer.ok ? answer.value[at] : answer)
      })
    }
    isFlushing = false
    nothingWaits()
  }

  function settle(id: Id, answer: SendAnswer | undefined): void {
    if (!answer || 'taken' in answer) return
    if ('ended' in answer) return told([answer.ended])
    if ('queued' in answer) return open.get(id)?.told('queued')
    open.get(id)?.failed(HoldfastError.from(answer.error), isOpenQuestion(answer.error) ? 'unknown' : 'failed')
    open.delete(id)
  }

  function told(fates: readonly FateNews[]): void {
    for (const news of fates) {
      const { id, fate } = news
      if (fate === 'applied')
        open.get(id)?.told(fate, news.replyLost ? replyLost(news.replyLost) : null, news.replyJson && JSON.parse(news.replyJson))
      else if (fate === 'sent') open.get(id)?.told(fate)
      else endAs(id, fate, fateError(news))
      if (fate !== 'sent') open.delete(id)
    }
  }

  function endAs(id: Id, fate: SendFate, error: HoldfastError): void {
    open.get(id)?.told(isOpenQuestion(error) ? 'unknown' : fate, error)
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
      else if (answer.error === NO_HUB) sending.failed(new HoldfastError('not-connected', 'There is no connection.'))
      else if (mayBeDone(answer.error)) sending.failed(notKnown(answer.error), 'unknown')
      else sending.failed(HoldfastError.from(answer.error))
    }
  }

  async function cancel(id: Id): Promise<void> {
    const at = waiting.findIndex((message) => message.id === id)
    if (at < 0) {
      await link.ask('cancel', named(id))
      return told([{ id, fate: 'cancelled' }])
    }
    for (const message of waiting.splice(at, 1)) units -= unitsOf(message)
    open.get(id)?.failed(fateError({ fate: 'cancelled' }), 'cancelled')
    open.delete(id)
    nothingWaits()
  }

  function make(): Sending {
    const id = newId()
    return createSending(id, () => cancel(id), report)
  }

  /** Puts a durable message behind those that wait. */
  function line(message: HandedMessage, sending: Sending): void {
    if (over) sending.failed(over)
    else if (waiting.length + handed.length >= maxMessages || units + unitsOf(message) > maxBytes) {
      sending.failed(new HoldfastError('outbox-full', 'More waits for the hub than the outbox may hold.'))
    } else {
      units += unitsOf(message)
      open.set(message.id, sending)
      waiting.push(message)
      queueMicrotask(flush)
    }
  }

  return {
    send<Reply>(channel: string, data: unknown, how: SendOptions = {}) {
      const { durable = true } = readOptions(how, { durable: true })
      const json = jsonText(data)
      const sending = make()
      const { id } = sending.message
      const message = { id, channel, json }
      if (durable) line(message, sending)
      else if (over) sending.failed(over)
      else if (passing.push([message, sending]) === 1) queueMicrotask(() => void flushPassing())
      return sending.message as SentMessage<Reply>
    },
    cancel,
    retry(parked) {
      const sending = make()
      if (isId(parked)) line({ id: sending.message.id, retryOf: parked }, sending)
      else sending.failed(notFound())
      return sending.message
    },
    discard: async (id) => void (await link.ask('discard', named(id))),
    flush,
    handedOver: () =>
      new Promise((resolve) => {
        awaiting.push(resolve)
        nothingWaits()
      }),
    unsettled: () => [...open].filter(([, { message }]) => message.fate !== 'sending').map(([id]) => id),
    told,
    heard(taken) {
      heard = taken
      flush()
    },
    close(error) {
      over = error
      const untouched = new Set(waiting.map(({ id }) => id))
      for (const [id, sending] of open) {
        const { fate } = sending.message
        if (fate === 'sending') sending.failed(error, untouched.has(id) ? 'failed' : 'unknown')
        else sending.told(fate, error)
      }
      open.clear()
      waiting = handed = []
      nothingWaits()
    },
  }
}

/** What may be the id of a message: the hub would take anything else for a broken call. */
function named(id: Id): Id {
  if (!isId(id)) throw notFound()
  return id
}

function notFound(): HoldfastError {
  return new HoldfastError('not-found', 'No message has this id.')
}

/** JSON text of a message, in UTF-16 units. */
function unitsOf(message: HandedMessage): number {
  return 'json' in message ? message.json.length : 0
}

/** Why nobody gets the reply. */
const REPLY_LOSSES = {
  invalid: 'the handler returned what JSON cannot carry',
  'too-large': 'it is over the limit of the server',
  dropped: 'the server had no room for it',
  forgotten: 'it is no longer known',
} as const

function replyLost(why: keyof typeof REPLY_LOSSES): HoldfastError {
  return new HoldfastError('reply-lost', `The message has taken effect; there is no reply: ${REPLY_LOSSES[why]}.`)
}

/** Of a message that nobody can say of whether it was taken. */
function notKnown({ message }: ErrorData): HoldfastError {
  return new HoldfastError('unknown', `It is not known whether the message was taken: ${message}`)
}

/** Whether nobody can tell whether the message was taken, or applied. */
function isOpenQuestion(error: ErrorData): boolean {
  return error.code === 'may-repeat' || mayBeDone(error)
}

/** Why a message was not applied. */
function fateError(news: Exclude<FateNews, { fate: 'sent' | 'applied' }> | { readonly fate: 'cancelled' }): HoldfastError {
  if (news.fate !== 'rejected') return new HoldfastError(news.fate, `The message ended: ${news.fate}.`)
  const { reason, message } = news
  const code = reason === 'failed' || reason === 'unpublishable' ? 'rejected' : reason === 'too-large' ? 'message-too-large' : reason
  return new HoldfastError(code, message)
}
