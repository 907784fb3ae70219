import type { AnnouncedLimits } from '../protocol/limits.ts'

/** How much of something may go out: `burst` at once, `perSecond` on average. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** What is left of a rate, and when that was reckoned. */
export interface Purse {
  readonly left: number
  readonly atMs: number
}

/** What reckoning with fractions may lose. */
const LEAST = 1e-6

/** One purse for each of the limits that a server announces as a rate. */
export interface Purses {
  /** Frames with messages. */
  readonly frames: Purse
  readonly messages: Purse
  /** Frames that ask for channels and values, or give channels up. */
  readonly errands: Purse
  readonly subscriptions: Purse
}

/**
 * The share of the announced rates that each has. Half of the frames is for messages and a quarter for channels; the rest
 * is left for everything else.
 */
export function ratesOf(limits: AnnouncedLimits): { readonly [Name in keyof Purses]: Rate } {
  const { framesPerSecond, frameBurst, messagesPerSecond, messageBurst, subscriptionsPerSecond, subscriptionBurst } = limits
  // At least one, or a slow server would never be sent anything.
  const share = (parts: number, burst: number): Rate => ({ perSecond: framesPerSecond / parts, burst: Math.max(1, burst / parts) })
  return {
    frames: share(2, Math.min(framesPerSecond, frameBurst)),
    messages: { perSecond: messagesPerSecond, burst: messageBurst },
    errands: share(4, frameBurst),
    subscriptions: { perSecond: subscriptionsPerSecond, burst: subscriptionBurst },
  }
}

/** What is left now. A clock that went back fills nothing. */
function leftIn({ left, atMs }: Purse, { perSecond, burst }: Rate, nowMs: number): number {
  return Math.min(burst, left + (Math.max(0, nowMs - atMs) / 1_000) * perSecond)
}

/** How many may be taken now. */
export function wholeIn(purse: Purse, rate: Rate, nowMs: number): number {
  return Math.max(0, Math.floor(leftIn(purse, rate, nowMs) + LEAST))
}

/** The purse after `count` were taken; it may owe. */
export function spend(purse: Purse, rate: Rate, count: number, nowMs: number): Purse {
  return { left: leftIn(purse, rate, nowMs) - count, atMs: nowMs }
}

/** Until one may be taken, in whole milliseconds: a wait too short for a clock to show it would never end. */
export function waitMs(purse: Purse, rate: Rate, nowMs: number): number {
  const missing = 1 - leftIn(purse, rate, nowMs)
  return missing < LEAST ? 0 : Math.ceil((missing / rate.perSecond) * 1_000 - LEAST)
}

/** Purses reckoned anew: what a clock that went back had put off is not waited for. */
export function reckoned(purses: Purses, limits: AnnouncedLimits, nowMs: number): Purses {
  const rates = ratesOf(limits)
  const anew = (name: keyof Purses): Purse => spend(purses[name], rates[name], 0, nowMs)
  return { frames: anew('frames'), messages: anew('messages'), errands: anew('errands'), subscriptions: anew('subscriptions') }
}

/** Full ones, for a link whose `hello` has asked for so many channels. */
export function pursesFor(limits: AnnouncedLimits, asked: number, nowMs: number): Purses {
  const { frames, messages, errands, subscriptions } = ratesOf(limits)
  const full = ({ burst }: Rate, spent: number = 0): Purse => ({ left: burst - spent, atMs: nowMs })
  return { frames: full(frames), messages: full(messages), errands: full(errands), subscriptions: full(subscriptions, asked) }
}
