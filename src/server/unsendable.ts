/** What a client is told of a value that can never be sent. */
export const UNSENDABLE = {
  invalid: 'the value of this channel is nothing that JSON can carry, or is nested too deep',
  'too-large': 'the value of this channel fits no frame',
} as const

/** Whether that is why there is no value. */
export function isUnsendable(result: unknown): result is keyof typeof UNSENDABLE {
  return result === 'invalid' || result === 'too-large'
}
