import { ANNOUNCED_RANGES } from '../protocol/limits.ts'
import type { SubscribeRequest } from '../protocol/messages.ts'
import { asManyAsFit } from './errands.ts'
import type { ChannelState, CoreState } from './state.ts'

/** What every server takes: its limits are known after its first answer. */
const LEAST_FRAME_BYTES = ANNOUNCED_RANGES.frameBytes[0]

/** All channels under new numbers, and those of them that `hello` names; what does not fit is asked for after the answer. */
export function openingSubscriptions({ channels, nextSub, limits }: CoreState): {
  readonly channels: ReadonlyMap<string, ChannelState>
  readonly nextSub: number
  readonly named: readonly SubscribeRequest[]
} {
  const renumbered = new Map<string, ChannelState>()
  const wanted: SubscribeRequest[] = []
  let sub = nextSub
  for (const [channel, receiving] of channels) {
    wanted.push({ sub, channel, cursor: receiving.cursor })
    renumbered.set(channel, { ...receiving, sub: sub++, stage: 'asked', failures: 0, misplaced: 0 })
  }
  return { channels: renumbered, nextSub: sub, named: asManyAsFit(wanted, (limits?.frameBytes ?? LEAST_FRAME_BYTES) / 4) }
}
