import { createMessage } from '../message.mjs'

let made = 0

/**
 * What both outboxes are given.
 *
 * @param {number} count
 */
export function createRecords(count) {
  return Array.from({ length: count }, () => createMessage(++made))
}
