import { inspect } from 'node:util'
import { invalidOption, readOptions } from '../protocol/read-options.ts'
import { checkMs } from './check-ms.ts'
import { checkWholeNumber } from './check-whole-number.ts'
import type { Fault, FaultRule } from './fault.ts'

type Check = (name: string, value: unknown) => void

const oneOf =
  (...words: readonly string[]): Check =>
  (name, value) => {
    if (!words.includes(value as string)) invalidOption(name, `must be one of ${words.join(', ')}, not ${inspect(value)}`)
  }
const direction = oneOf('toServer', 'toClient')
const bytes: Check = (name, value) => checkWholeNumber(name, value, 1)
const amount: Check = (name, value) => {
  if (typeof value !== 'object') return checkWholeNumber(name, value, 0)
  const { min, max } = readOptions(value, { min: 0, max: 0 }, name) as { readonly min: unknown; readonly max: unknown }
  checkWholeNumber(`${name}.min`, min, 0)
  checkWholeNumber(`${name}.max`, max, Number(min))
}

/** How each field of each kind is checked. */
const FAULTS: { readonly [Kind in Fault['kind']]: Readonly<Record<string, Check>> } = {
  pass: {},
  refuse: {},
  reset: {},
  'half-close': { direction },
  blackhole: { direction: oneOf('toServer', 'toClient', 'both') },
  delay: { ms: checkMs, jitterMs: (name, value = 0) => checkMs(name, value) },
  throttle: { bytesPerSecond: bytes },
  slice: { bytes },
  cut: { direction, afterBytes: amount },
  answer: { response: (name, value) => void readOptions(value, '', name) },
}
const kindOfFault = oneOf(...Object.keys(FAULTS))
const connections = oneOf('existing', 'new', 'both')

/**
 * A copy of a fault that can be carried out. @throws HoldfastError `invalid-option`, naming the field, what came and
 * what it may be.
 */
export function readFault(given: Fault): Fault {
  return read(given, {})
}

/** {@link readFault} of a fault and the connections it is for. */
export function readFaultRule(given: FaultRule): FaultRule {
  const rule = read(given, { on: undefined }) as FaultRule
  const { kind, on = 'both' } = rule
  if (typeof on === 'number') checkWholeNumber('on', on, 1)
  else connections('on', on)
  if (kind === 'refuse' && typeof on === 'number') invalidOption('on', 'must be a word: nobody listens, or somebody does')
  if ((kind === 'refuse' || kind === 'answer') && on === 'existing') {
    invalidOption('on', `must not be 'existing': ${kind} means nothing to an open connection`)
  }
  return rule
}

function read(given: Fault, more: object): Fault {
  // Against itself: that it is an object, and nothing else.
  readOptions(given, { ...given }, 'fault')
  kindOfFault('kind', given.kind)
  const checks = Object.entries(FAULTS[given.kind])
  const fields = Object.fromEntries(checks.map(([name]) => [name, undefined]))
  const fault = readOptions(given, { kind: '', ...fields, ...more }, 'fault')
  for (const [name, check] of checks) check(name, Reflect.get(fault, name))
  return fault
}
