import type { Result } from '../bridge/contract.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { MAX_CREDENTIAL_LENGTH } from '../protocol/limits.ts'
import type { ConnectOptions } from './options.ts'

/** The hub asks only tabs that said they can be asked: one that has no token closed what gave it since. */
const NO_TOKEN: Result<never> = { ok: false, error: { code: 'unauthenticated', message: 'This tab has no token any more.' } }

/** Asks the app for a credential. What the app throws goes to `fail`; the hub hears only that it failed. */
export async function askCredential(token: ConnectOptions['token'], fail: (error: HoldfastError) => void): Promise<Result<string | null>> {
  if (!token) return NO_TOKEN
  try {
    const value: unknown = await token()
    if (value === null || (typeof value === 'string' && value && value.length <= MAX_CREDENTIAL_LENGTH)) return { ok: true, value }
    throw `it must give a string of 1 to ${MAX_CREDENTIAL_LENGTH} characters, or null`
  } catch (cause) {
    // What was thrown may be anything, and not all of it can be made text.
    const said = cause instanceof Error || typeof cause === 'string' ? String(cause) : typeof cause
    const error = new HoldfastError('unauthenticated', `Option token failed: ${said}`, { cause })
    fail(error)
    return { ok: false, error: { code: error.code, message: 'Option token failed in the tab.' } }
  }
}
