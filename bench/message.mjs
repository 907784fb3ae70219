import { nowMs } from './clock.mjs'

/** JSON length of every message. */
export const MESSAGE_BYTES = 150

/** @typedef {{ n: number, atMs: number, text: string }} Message `n` counts from 1, `atMs` is when it was published. */

/**
 * The message every contender publishes.
 *
 * @param {number} n
 * @returns {Message}
 */
export function createMessage(n) {
  const bare = { n, atMs: nowMs(), text: '' }
  return { ...bare, text: 'x'.repeat(MESSAGE_BYTES - JSON.stringify(bare).length) }
}
