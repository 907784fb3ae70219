import { HoldfastError } from '../protocol/errors.ts'

/**
 * What a browser bundle gets for `holdfast/server`, and a test in an imitated browser: a mistake that is told in words,
 * when something is called, instead of a missing `node:http`.
 */
function notHere(): never {
  throw new HoldfastError('unsupported', 'holdfast/server runs in Node. In a page import { connect } from "holdfast".')
}

export { HoldfastError }
export { Rejected } from './rejected.ts'
/** Throws `unsupported`. */
export const createLiveServer: () => never = notHere
/** Throws `unsupported`. */
export const memoryEngine: () => never = notHere
